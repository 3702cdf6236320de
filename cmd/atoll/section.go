package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"atoll"
)

// protections are what --protection may say.
var protections = []atoll.Protection{
	atoll.ReadWrite, atoll.ReadOnly, atoll.WriteCopy, atoll.ExecuteReadWrite, atoll.ExecuteRead, atoll.ExecuteWriteCopy,
}

func protectionNames() (names []string) {
	for _, p := range protections {
		names = append(names, p.String())
	}
	return names
}

func parseProtection(text string) (atoll.Protection, error) {
	for _, p := range protections {
		if p.String() == text {
			return p, nil
		}
	}
	return 0, usage("%q is no protection; atoll create --help lists them", text)
}

// createSection makes a section from create's flags.
func createSection(name string, f *createFlags) (o atoll.Object, created bool, err error) {
	p, err := parseProtection(f.protection)
	if err != nil {
		return nil, false, err
	}
	options := atoll.SectionOptions{
		Size: int64(f.size), Protection: p, Reserve: f.reserve, LargePages: f.largePages,
	}
	if f.file != "" {
		flags := os.O_RDONLY
		if p == atoll.ReadWrite || p == atoll.ExecuteReadWrite {
			flags = os.O_RDWR
			if f.size > 0 { // without a size a new file would be empty: no section
				flags |= os.O_CREATE
			}
		}
		file, err := os.OpenFile(f.file, flags, 0o666)
		if err != nil {
			return nil, false, err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		options.File = file
	}
	return obtain(f, name, options, atoll.CreateSection, atoll.CreateOrOpenSection)
}

// span is a range of a section's bytes, from the flags --offset and --length.
type span struct{ offset, length byteCount }

func (s *span) flags(cmd *cobra.Command) {
	cmd.Flags().Var(&s.offset, "offset", "first byte, such as 4096, 0x1000, 4K")
	cmd.Flags().Var(&s.length, "length", "how many bytes; 0 is all to the end")
}

// within checks the range against the section's size, and returns its ends.
func (s *span) within(name string, size int64) (first, end int64, err error) {
	first, end = int64(s.offset), size
	if first > size {
		return 0, 0, fmt.Errorf("section %s has %d bytes, --offset %d is beyond its end", show(name), size, first)
	}
	if s.length > 0 {
		if int64(s.length) > size-first {
			return 0, 0, fmt.Errorf("section %s has %d bytes, --offset %d --length %d reaches beyond its end", show(name), size, first, s.length)
		}
		end = first + int64(s.length)
	}
	return first, end, nil
}

// openView maps all of a section. It keeps no handle: a view keeps the memory, but
// not the name, so looking at an object does not keep it alive.
func openView(name string, access atoll.Access) (*atoll.View, error) {
	s, err := atoll.OpenSection(name, access)
	if err != nil {
		return nil, err
	}
	v, err := s.Map(access, 0, 0)
	return v, errors.Join(err, s.Close())
}
