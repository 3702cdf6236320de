package jobinfo

import (
	"unsafe"

	"atoll/internal/errs"
)

// Class says which structure is meant.
type Class uint32

// The classes.
const (
	BasicAccounting      Class = 1
	BasicLimit           Class = 2
	ProcessIDList        Class = 3
	UIRestrictions       Class = 4
	EndOfJobTime         Class = 6
	CompletionPort       Class = 7
	BasicAndIOAccounting Class = 8
	ExtendedLimit        Class = 9
	CPURate              Class = 15
)

// missing are classes that Windows has, and Linux has nothing for: processor groups,
// notifications without a limit, rates of networks and disks, security.
var missing = map[Class]bool{5: true, 11: true, 12: true, 13: true, 14: true, 32: true, 34: true, 35: true}

// The structures, as Windows has them.
type (
	basicLimits struct {
		ProcessTime, JobTime      int64
		Flags                     uint32
		LeastMemory, MostMemory   uintptr
		Processes                 uint32
		Affinity                  uintptr
		PriorityClass, Scheduling uint32
	}
	counters struct {
		Reads, Writes, Others, ReadBytes, WrittenBytes, OtherBytes uint64
	}
	extendedLimits struct {
		Basic                                                  basicLimits
		IO                                                     counters
		ProcessMemory, JobMemory, PeakProcessMemory, PeakOfJob uintptr
	}
	accounting struct {
		User, Kernel, PeriodUser, PeriodKernel int64
		Faults, Total, Active, Terminated      uint32
	}
	accountingAndIO struct {
		Basic accounting
		IO    counters
	}
	word struct{ Value uint32 }
	port struct{ Key, Port uintptr }
	rate struct{ Flags, Value uint32 }
)

// ListHead is what is before the numbers in a list of processes.
const (
	listHead   = 8
	sizeOfWord = int(unsafe.Sizeof(uintptr(0)))
)

var sizes = map[Class]uintptr{
	BasicAccounting: unsafe.Sizeof(accounting{}), BasicLimit: unsafe.Sizeof(basicLimits{}), UIRestrictions: unsafe.Sizeof(word{}),
	EndOfJobTime: unsafe.Sizeof(word{}), CompletionPort: unsafe.Sizeof(port{}), BasicAndIOAccounting: unsafe.Sizeof(accountingAndIO{}),
	ExtendedLimit: unsafe.Sizeof(extendedLimits{}), CPURate: unsafe.Sizeof(rate{}),
}

var (
	settable = map[Class]bool{BasicLimit: true, UIRestrictions: true, EndOfJobTime: true, CompletionPort: true, ExtendedLimit: true, CPURate: true}
	errClass = errs.Numbered(errs.InvalidParameter, nil, "there is no such class of information about a job, or not for this call")
	errSize  = errs.Numbered(errs.BadLength, nil, "the length is not that of the class's structure")
)

func notHere(what string) error {
	return errs.Numbered(errs.NotSupported, nil, "Linux has no %s of a job", what)
}

// ToSet says whether a structure of a length can be set.
//
// # Errors
//
// Win32 87: no such class. 50: Linux has nothing for it. 24: the length.
func ToSet(c Class, length int) error {
	switch {
	case missing[c]:
		return notHere("such information")
	case !settable[c]:
		return errClass
	case length != int(sizes[c]):
		return errSize
	}
	return nil
}

// ToQuery says whether a structure of a length can be filled in.
//
// # Errors
//
// As ToSet.
func ToQuery(c Class, length int) error {
	switch {
	case missing[c]:
		return notHere("such information")
	case c == ProcessIDList && length < listHead+sizeOfWord:
		return errSize
	case c == ProcessIDList:
		return nil
	case c == CompletionPort || sizes[c] == 0:
		return errClass
	case length != int(sizes[c]):
		return errSize
	}
	return nil
}

// of reads a structure out of bytes of its size.
func of[T any](b []byte) (v T) {
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&v)), unsafe.Sizeof(v)), b)
	return v
}

// bytesOf are the bytes of a structure.
func bytesOf[T any](v T) []byte {
	return append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(&v)), unsafe.Sizeof(v))...)
}
