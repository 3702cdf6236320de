//go:build linux

package kernel32

import (
	"os"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/mapping"
	"atoll/internal/views"
)

// Flags of MapViewOfFile that are no rights.
const (
	mapLargePages     access.Mask = 0x20000000
	mapNoTargets      access.Mask = 0x40000000
	mapReserve        access.Mask = 0x80000000
	mapFlags                      = mapLargePages | mapNoTargets | mapReserve
	mapWrite, mapRead             = access.Write, access.Read
)

// viewProtection is what the pages of a view allow that is asked for with FILE_MAP_
// rights: Copy alone is copy-on-write, else Write counts, else Read, else nothing.
func viewProtection(asked access.Mask) views.Protection {
	asked &^= mapFlags
	execute := asked&mapExecute != 0
	switch kind := asked &^ mapExecute; {
	case kind == mapCopy && execute:
		return views.ExecuteWriteCopy
	case kind == mapCopy:
		return views.WriteCopy
	case kind&mapWrite != 0 && execute:
		return views.ExecuteReadWrite
	case kind&mapWrite != 0:
		return views.ReadWrite
	case kind&mapRead != 0 && execute:
		return views.ExecuteRead
	case kind&mapRead != 0:
		return views.ReadOnly
	}
	return views.NoAccess
}

// MapViewOfFile maps a part of a section; base 0 is anywhere.
func MapViewOfFile(h Handle, asked access.Mask, offset uint64, length, base uintptr) (address uintptr, err error) {
	s, e, err := use[section](h, 0)
	if err != nil {
		return 0, err
	}
	defer e.leave()
	err = s.section.With(func(m mapping.Section) error {
		if asked&mapLargePages != 0 && !m.Header.Has(layout.FlagLargePages) {
			return errs.Numbered(errs.InvalidParameter, nil, "the section has no large pages")
		}
		address, err = views.Map(m, views.Wanted{
			Protection: viewProtection(asked), Modifier: s.modifier,
			Base: base, Offset: offset, Length: length,
		})
		return err
	})
	return address, err
}

// PrefetchVirtualMemory asks the system to read ranges soon. What another process
// reads soon it must ask for itself.
func PrefetchVirtualMemory(process Handle, ranges [][2]uintptr, flags uint32) error {
	if len(ranges) == 0 || flags != 0 {
		return errs.Numbered(errs.InvalidParameter, nil, "%d ranges and flags %#x", len(ranges), flags)
	}
	p, leave, err := useProcess(process, access.QueryProcess)
	if err != nil {
		return err
	}
	defer leave()
	if p.PID() != os.Getpid() {
		return nil
	}
	for _, r := range ranges {
		if err := views.Prefetch(r[0], r[1]); err != nil {
			return err
		}
	}
	return nil
}
