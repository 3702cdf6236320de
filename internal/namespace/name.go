package namespace

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"strings"
	"unicode/utf8"

	"atoll/internal/errs"
)

// Scope is a directory of names.
type Scope uint32

// The scopes. Others are private namespaces that this process has open: see Admit.
const (
	Local      Scope = iota // the user's own
	Global                  // shared by all users
	AllPrivate              // every private namespace: to look at, not to open names in
)

// The prefixes, which are case-sensitive.
const (
	localPrefix  = "Local"
	globalPrefix = "Global"
	sessions     = "Session"
	separator    = `\`
)

func (s Scope) String() string {
	switch s {
	case Local:
		return localPrefix
	case Global:
		return globalPrefix
	case AllPrivate:
		return "Private"
	default:
		return aliasOf(s)
	}
}

// MaxUnits is the longest name, with its prefix, in UTF-16 units.
const MaxUnits = 32766

// Name is a parsed name of an object.
type Name struct {
	Scope Scope
	Base  string // without prefix; never empty
}

// String is the name as a user may write it.
func (n Name) String() string {
	if n.Scope != Local {
		return n.Scope.String() + separator + n.Base
	}
	return n.Base
}

// Prefixed is a name with an alias in front.
func Prefixed(alias, base string) string { return alias + separator + base }

// Parse reads the name of an object. "" names the directory itself: who creates
// an object without a name has treated it before.
//
// # Errors
//
// ErrBadName (Win32 123, or 161 for a leading backslash). fs.ErrNotExist (Win32
// 3): a prefix that is no name space here. ErrWrongType: a name that a prefix, or
// the directory, occupies. fs.ErrPermission: Session\.
func Parse(name string) (Name, error) {
	if err := checkText(name); err != nil {
		return Name{}, err
	}
	prefix, base, prefixed := strings.Cut(name, separator)
	switch {
	case name == "":
		return Name{}, errs.New(errs.ErrWrongType, "the empty name is the directory itself")
	case !prefixed:
		if err := occupied(name); err != nil {
			return Name{}, err
		}
		return Name{Local, name}, nil
	case prefix == "":
		return Name{}, errs.Numbered(errs.BadPathname, errs.ErrBadName, "a name must not begin with a backslash")
	case prefix == sessions:
		return Name{}, errs.Numbered(errs.AccessDenied, fs.ErrPermission, `the prefix Session\ is reserved for the system; use Local\ or Global\`)
	}
	scope, known := scopeOf(prefix)
	if !known {
		return Name{}, errs.Numbered(errs.PathNotFound, fs.ErrNotExist, `%q is not a name space here (Local and Global are, and are case-sensitive, and the private namespaces that this process has open)`, prefix)
	}
	if err := errors.Join(checkBase(base), occupied(base)); err != nil {
		return Name{}, err
	}
	return Name{scope, base}, nil
}

// occupied refuses the names that the prefixes have in every directory.
func occupied(base string) error {
	if base == localPrefix || base == globalPrefix {
		return errs.New(errs.ErrWrongType, "%q is a prefix, not an object; put a name behind it: %s\\name", base, base)
	}
	return nil
}

// checkBase looks at what stands behind a prefix.
func checkBase(base string) error {
	dir, _, nested := strings.Cut(base, separator)
	switch {
	case base == "" || nested && dir == "":
		return errs.New(errs.ErrBadName, "nothing stands between or behind the backslashes")
	case nested:
		return errs.Numbered(errs.PathNotFound, fs.ErrNotExist, "%q is not a name space here: only one prefix, then a name without backslash", dir)
	}
	return nil
}

// checkText refuses what cannot be a name on Windows at all, so that one name
// is one object on both systems.
func checkText(name string) error {
	switch {
	case !utf8.ValidString(name):
		return errs.New(errs.ErrBadName, "a name must be valid UTF-8")
	case strings.Contains(name, "\x00"):
		return errs.New(errs.ErrBadName, "a name must not contain a NUL character")
	}
	units := 0
	for _, r := range name {
		units++
		if r > 0xFFFF {
			units++
		}
	}
	if units > MaxUnits {
		return errs.New(errs.ErrBadName, "the name has %d UTF-16 units, the most is %d", units, MaxUnits)
	}
	return nil
}

// MembersName is the folder of member files in each directory; no object's file
// is called so.
const MembersName = "members"

// longest name of a file on Linux, in bytes.
const maxFileName = 255

// FileName is the name of the object's file: the object's name with everything
// escaped that a shell or a file system would mind, or, where that is too long, a
// readable beginning, '~' and a hash of the whole. '~' itself is escaped, so the
// two never meet. Different names have different file names, but for a
// collision of SHA-256, which the full name in the header would show.
func (n Name) FileName() string {
	if n.plain() {
		return n.Base
	}
	var b strings.Builder
	for i := 0; i < len(n.Base); i++ {
		escapeByte(&b, n.Base[i], i == 0)
	}
	escaped := b.String()
	if escaped == MembersName {
		return "%6D" + MembersName[1:]
	}
	if len(escaped) <= maxFileName {
		return escaped
	}
	sum := sha256.Sum256([]byte(n.Base))
	hash := "~" + hex.EncodeToString(sum[:])
	return cutEscaped(escaped, maxFileName-len(hash)) + hash
}

// escapeByte writes one byte of a name. Letters, digits, a few signs and all of
// UTF-8 beyond ASCII stay as they are; neither a dot nor a dash stands first.
func escapeByte(b *strings.Builder, c byte, first bool) {
	const hexDigits = "0123456789ABCDEF"
	if plainByte(c, first) {
		b.WriteByte(c)
		return
	}
	b.WriteByte('%')
	b.WriteByte(hexDigits[c>>4])
	b.WriteByte(hexDigits[c&15])
}

// plainByte says whether a byte of a name stands for itself in the file's.
func plainByte(c byte, first bool) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= utf8.RuneSelf ||
		c == '_' || c == '+' || c == ',' || c == '=' || c == '@' || (c == '.' || c == '-') && !first
}

// plain says whether the file is called as the object is, as most are.
func (n Name) plain() bool {
	for i := range len(n.Base) {
		if !plainByte(n.Base[i], i == 0) {
			return false
		}
	}
	return n.Base != MembersName && len(n.Base) <= maxFileName
}

// cutEscaped cuts at n bytes at the most, not inside an escape or a rune.
func cutEscaped(s string, n int) string {
	s = s[:n]
	if i := strings.LastIndexByte(s, '%'); i > len(s)-3 {
		s = s[:i]
	}
	for s != "" {
		if r, size := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || size > 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s
}

// unescape is the inverse of the escaping in FileName as far as there is one: of
// a name that was cut, it is the readable beginning.
func unescape(file string) string {
	var b strings.Builder
	for i := 0; i < len(file); i++ {
		if c, err := hex.DecodeString(file[min(i+1, len(file)):min(i+3, len(file))]); file[i] == '%' && err == nil && len(c) == 1 {
			b.WriteByte(c[0])
			i += 2
			continue
		}
		b.WriteByte(file[i])
	}
	return b.String()
}
