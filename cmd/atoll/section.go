package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

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
		Security: f.security,
	}
	if f.file == "" {
		return obtain(f, name, options, atoll.CreateSection, atoll.CreateOrOpenSection)
	}
	file, made, err := f.openFile(p)
	if err != nil {
		return nil, false, err
	}
	options.File = file
	o, created, err = obtain(f, name, options, atoll.CreateSection, atoll.CreateOrOpenSection)
	if err != nil && made {
		err = errors.Join(err, os.Remove(f.file))
	}
	return o, created, errors.Join(err, file.Close())
}

// openFile opens the file of --file, and makes it if it is missing and may grow.
func (f *createFlags) openFile(p atoll.Protection) (file *os.File, made bool, err error) {
	flags := os.O_RDONLY | syscall.O_NONBLOCK // a named pipe must not block; the library refuses it
	writable := p == atoll.ReadWrite || p == atoll.ExecuteReadWrite
	if writable {
		flags = os.O_RDWR | syscall.O_NONBLOCK
	}
	file, err = os.OpenFile(f.file, flags, 0)
	if !errors.Is(err, fs.ErrNotExist) || !writable || f.size == 0 { // an empty file makes no section
		return file, false, err
	}
	file, err = os.OpenFile(f.file, flags|os.O_CREATE|os.O_EXCL, 0o666)
	return file, err == nil, err
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
