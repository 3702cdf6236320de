package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"atoll"
)

// rightsFlag is a flag that says who may do what with a new object.
type rightsFlag struct {
	kind string
	read func(text string) (*atoll.Security, error)
	to   **atoll.Security
	text string
}

func (f *rightsFlag) String() string { return f.text }
func (f *rightsFlag) Type() string   { return f.kind }

func (f *rightsFlag) Set(text string) error {
	s, err := f.read(text)
	if err != nil {
		return err
	}
	*f.to, f.text = s, text
	return nil
}

// readMode reads permission bits, in octal as chmod has them.
func readMode(text string) (*atoll.Security, error) {
	mode, err := strconv.ParseUint(text, 8, 32)
	if err != nil || mode == 0 {
		return nil, fmt.Errorf("%q is no mode; it is octal, such as 660 for the owner and the group", text)
	}
	return &atoll.Security{Mode: fs.FileMode(mode)}, nil
}

// readSDDL reads a Windows security descriptor.
func readSDDL(text string) (*atoll.Security, error) {
	s, err := atoll.ParseSDDL(text)
	if e, ok := errors.AsType[*atoll.Error](err); ok {
		return nil, e.Err // the flag's name and text are said already
	}
	return s, err
}
