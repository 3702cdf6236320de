//go:build linux

package transfer

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"unicode/utf8"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
)

// Handle is a handle on its way: descriptors, and what is claimed about them.
// Nothing of it is believed before it was compared with the descriptors.
type Handle struct {
	Type   layout.Type
	Access access.Mask
	Object File
	// Second is the file of a section over a file; or, for a synchronisation
	// object without a name, the folder of the members that it names, held so
	// that none of them is removed meanwhile. Else its FD is -1.
	Second File
	Folder Folder
}

// File is a descriptor and the file that it must lead to.
type File struct {
	FD int
	ID lockfile.Identity
}

// None is no file.
var None = File{FD: -1}

// Folder is the directory of names that a named object lies in; Path is empty for
// other objects.
type Folder struct {
	Path string
	ID   lockfile.Identity
}

// Close closes the descriptors.
func (h *Handle) Close() {
	h.Object.Close()
	h.Second.Close()
}

// line describes a handle in five fields:
//
//	TYPE ACCESS OBJECT SECOND FOLDER
//
// OBJECT and SECOND are DESCRIPTOR:DEVICE:INODE, FOLDER is DEVICE:INODE:PATH; what
// there is none of is "-".
func (h *Handle) line() string {
	folder := absent
	if h.Folder.Path != "" {
		folder = fmt.Sprintf("%d:%d:%s", h.Folder.ID.Dev, h.Folder.ID.Ino, escape(h.Folder.Path))
	}
	return fmt.Sprintf("%s %#x %s %s %s", h.Type, uint32(h.Access), h.Object, h.Second, folder)
}

const absent = "-"

// String is the file's field in a line.
func (f File) String() string {
	if f.FD < 0 {
		return absent
	}
	return fmt.Sprintf("%d:%d:%d", f.FD, f.ID.Dev, f.ID.Ino)
}

// parseLine is the inverse of line. It accepts any text.
func parseLine(text string) (*Handle, error) {
	fields := strings.Split(text, " ")
	if len(fields) != 5 {
		return nil, malformed("it has %d fields, not 5", len(fields))
	}
	h := &Handle{Type: parseType(fields[0])}
	if h.Type == 0 {
		return nil, malformed("no type is called %q", fields[0])
	}
	mask, err := parseNumber(fields[1], 0, 32)
	if err != nil {
		return nil, err
	}
	h.Access = access.Mask(mask)
	if h.Object, err = parseFile(fields[2]); err != nil {
		return nil, err
	}
	if h.Object.FD < 0 {
		return nil, malformed("it has no object")
	}
	if h.Second, err = parseFile(fields[3]); err != nil {
		return nil, err
	}
	h.Folder, err = parseFolder(fields[4])
	return h, err
}

func malformed(format string, args ...any) error {
	return errs.New(errs.ErrCorrupt, "is no description of a handle: "+format, args...)
}

func parseType(word string) layout.Type {
	for t := layout.Section; t <= layout.Job; t++ {
		if t.String() == word {
			return t
		}
	}
	return 0
}

func parseNumber(text string, base, bits int) (uint64, error) {
	n, err := strconv.ParseUint(text, base, bits)
	if err != nil {
		return 0, malformed("%q is no possible number", text)
	}
	return n, nil
}

func parseFile(text string) (File, error) {
	if text == absent {
		return None, nil
	}
	fd, rest, _ := strings.Cut(text, ":")
	dev, ino, _ := strings.Cut(rest, ":")
	n, err := parseNumber(fd, 10, 31)
	if err != nil {
		return None, err
	}
	id, err := parseIdentity(dev, ino)
	return File{FD: int(n), ID: id}, err
}

func parseIdentity(dev, ino string) (id lockfile.Identity, err error) {
	id.Dev, err = parseNumber(dev, 10, 64)
	if err == nil {
		id.Ino, err = parseNumber(ino, 10, 64)
	}
	return id, err
}

func parseFolder(text string) (f Folder, err error) {
	if text == absent {
		return f, nil
	}
	parts := strings.SplitN(text, ":", 3)
	if len(parts) != 3 {
		return f, malformed("%q is no folder", text)
	}
	if f.ID, err = parseIdentity(parts[0], parts[1]); err != nil {
		return f, err
	}
	if f.Path, err = unescape(parts[2]); err != nil {
		return f, err
	}
	if f.Path == "" || len(f.Path) > layout.MaxPath {
		return Folder{}, malformed("a folder has a path of %d bytes", len(f.Path))
	}
	return f, nil
}

// plain are the bytes that stand for themselves in a line; every other one is %
// and two hexadecimal digits.
const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./+,@"

func escape(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if strings.IndexByte(plain, text[i]) >= 0 {
			b.WriteByte(text[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", text[i])
		}
	}
	return b.String()
}

// unescape is the inverse of escape, and accepts nothing that escape would have
// written otherwise.
func unescape(text string) (string, error) {
	var b strings.Builder
	for rest := text; rest != ""; {
		if rest[0] != '%' {
			b.WriteByte(rest[0])
			rest = rest[1:]
			continue
		}
		if len(rest) < 3 {
			return "", malformed("%q ends inside an escape", text)
		}
		n, err := strconv.ParseUint(rest[1:3], 16, 8)
		if err != nil {
			return "", malformed("%q is no escape", rest[:3])
		}
		b.WriteByte(byte(n))
		rest = rest[3:]
	}
	if escape(b.String()) != text {
		return "", malformed("%q is not how it is written", text)
	}
	return b.String(), nil
}

// Variable is the environment variable that tells a child what it has inherited.
const Variable = "ATOLL_HANDLES"

// variableVersion begins the value. It is followed, for each handle, by a semicolon,
// the key, a space, and the handle's line.
const variableVersion = "1"

// MaxVariable is the longest value of Variable: Linux takes no string of 128 KiB
// or more.
const MaxVariable = 128<<10 - len(Variable) - 2

// Inherited is a handle that a child has inherited, and the key to it.
type Inherited struct {
	Key string
	*Handle
}

// EncodeVariable is the value of Variable for a list of handles.
//
// # Errors
//
// The list is too long for a variable, or a key is not possible.
func EncodeVariable(list []Inherited) (string, error) {
	var b strings.Builder
	b.WriteString(variableVersion)
	for _, h := range list {
		if h.Key == "" || !utf8.ValidString(h.Key) {
			return "", errs.New(fs.ErrInvalid, "%q cannot be the key of a handle: it must be UTF-8 and not empty", h.Key)
		}
		fmt.Fprintf(&b, ";%s %s", escape(h.Key), h.line())
	}
	if b.Len() > MaxVariable {
		return "", errs.Numbered(errs.NotEnoughMemory, nil, "%d handles do not fit into an environment variable of %d bytes; pass fewer, or shorter keys", len(list), MaxVariable)
	}
	return b.String(), nil
}

// ParseVariable is the inverse of EncodeVariable. It accepts any text; keys are
// different from each other.
//
// # Errors
//
// ErrCorrupt, ErrVersion.
func ParseVariable(text string) ([]Inherited, error) {
	parts := strings.Split(text, ";")
	if parts[0] != variableVersion {
		return nil, errs.New(errs.ErrVersion, "%s has version %q, this program reads version %s; use programs built with the same version of Atoll", Variable, shorten(parts[0]), variableVersion)
	}
	seen := make(map[string]bool)
	list := make([]Inherited, 0, len(parts)-1)
	for _, part := range parts[1:] {
		name, line, _ := strings.Cut(part, " ")
		key, err := unescape(name)
		if err == nil && (key == "" || seen[key] || !utf8.ValidString(key)) {
			err = malformed("the key %q is not possible, or comes twice", shorten(key))
		}
		var h *Handle
		if err == nil {
			h, err = parseLine(line)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %q %w", Variable, shorten(part), err)
		}
		seen[key] = true
		list = append(list, Inherited{key, h})
	}
	return list, nil
}

func shorten(text string) string {
	const enough = 60
	if len(text) > enough {
		return text[:enough] + "…"
	}
	return text
}
