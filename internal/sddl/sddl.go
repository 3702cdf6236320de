// Package sddl reads Windows' security descriptors in their text form
// (https://learn.microsoft.com/windows/win32/secauthz/security-descriptor-string-format),
// as far as Linux can have them. Users and groups of Unix are S-1-22-1-UID and
// S-1-22-2-GID, as Samba calls them.
package sddl

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"atoll/internal/access"
	"atoll/internal/errs"
)

// Parse reads a descriptor. What depends on the type of the object is decided when
// one is created.
//
// # Errors
//
// fs.ErrInvalid: not a descriptor. errors.ErrUnsupported: one that Linux cannot
// have; the text says why, and the way out.
func Parse(s string) (*access.Security, error) {
	parts, err := split(s)
	if err != nil {
		return nil, err
	}
	var security access.Security
	if security.Owner, err = owner(parts, 'O', "owner", access.User); err != nil {
		return nil, err
	}
	if security.Group, err = owner(parts, 'G', "group", access.Group); err != nil {
		return nil, err
	}
	if text, ok := parts['D']; ok {
		if security.ACL, err = list(text); err != nil {
			return nil, err
		}
	}
	return &security, audit(parts['S'])
}

// split cuts a descriptor into its parts, which begin with a letter and a colon.
func split(s string) (map[byte]string, error) {
	parts := make(map[byte]string)
	for s != "" {
		if len(s) < 2 || !strings.Contains("OGDS", s[:1]) || s[1] != ':' {
			return nil, invalid("%q is where O:, G:, D: or S: must begin", s)
		}
		key := s[0]
		if _, twice := parts[key]; twice {
			return nil, invalid("%c: comes twice", key)
		}
		s = s[2:]
		end := len(s)
		depth := 0
		for i := range len(s) {
			switch c := s[i]; {
			case c == '(':
				depth++
			case c == ')':
				depth--
			case c == ':' && depth == 0 && i > 0:
				end = i - 1
			}
			if end < len(s) {
				break
			}
		}
		parts[key], s = s[:end], s[end:]
	}
	return parts, nil
}

func invalid(format string, args ...any) error { return errs.New(fs.ErrInvalid, format, args...) }

func unsupported(format string, args ...any) error {
	return errs.New(errors.ErrUnsupported, format, args...)
}

// owner reads the owner or the group of the object.
func owner(parts map[byte]string, key byte, what string, kind access.TrusteeKind) (*int, error) {
	text, ok := parts[key]
	if !ok {
		return nil, nil
	}
	who, err := Trustee(text)
	switch {
	case err != nil:
		return nil, err
	case who.Kind == access.System:
		return new(int), nil
	case who.Kind != kind:
		return nil, unsupported("%c:%s: the %s of a file is a %s: S-1-22-1-UID is a user, S-1-22-2-GID a group", key, text, what, map[access.TrusteeKind]string{access.User: "user", access.Group: "group"}[kind])
	}
	id := int(who.ID)
	return &id, nil
}

// audit refuses what an S: part asks for.
func audit(text string) error {
	if _, entries, _ := strings.Cut(text, "("); entries == "" {
		return nil
	}
	if strings.Contains(text, "(ML;") {
		return unsupported("S:%s: Linux has no integrity levels; leave it out, and give processes that you do not trust a user of their own", text)
	}
	return unsupported("S:%s: an object cannot say what is audited; leave it out (auditctl watches files)", text)
}

// list reads an access control list: flags, then entries in parentheses. It is
// never nil.
func list(text string) ([]access.ACE, error) {
	flags, entries, some := strings.Cut(text, "(")
	acl := []access.ACE{}
	switch rest := strings.NewReplacer("P", "", "AR", "", "AI", "").Replace(flags); {
	case flags == "NO_ACCESS_CONTROL" && !some:
		return append(acl, access.ACE{Who: access.Trustee{Kind: access.Everyone}, Rights: access.GenericAll}), nil
	case rest != "":
		return nil, invalid("D:%s: %q is no flag of a list", text, rest)
	case !some:
		return acl, nil
	}
	if !strings.HasSuffix(entries, ")") {
		return nil, invalid("D:%s has no end", text)
	}
	for entry := range strings.SplitSeq(strings.TrimSuffix(entries, ")"), ")(") {
		a, counts, err := ace(entry)
		if err != nil {
			return nil, err
		}
		if counts {
			acl = append(acl, a)
		}
	}
	return acl, nil
}

// ace reads an entry: type;flags;rights;object;inherited object;trustee. One that is
// only for children, which no object has, does not count.
func ace(entry string) (a access.ACE, counts bool, err error) {
	fields := strings.Split(entry, ";")
	if len(fields) != 6 {
		return a, false, invalid("(%s) has %d fields, an entry has six", entry, len(fields))
	}
	switch fields[0] {
	case "A":
	case "D":
		a.Deny = true
	case "XA", "XD", "ZA", "RA", "SP", "OA", "OD", "TL", "FL", "AU", "AL", "OU", "OL", "XU", "ML":
		return a, false, unsupported("(%s): Linux has no entries of the type %s; A and D it has", entry, fields[0])
	default:
		return a, false, invalid("(%s): %q is no type of an entry", entry, fields[0])
	}
	if fields[3] != "" || fields[4] != "" {
		return a, false, unsupported("(%s) is for a part of an object; Atoll's objects have no parts", entry)
	}
	only, err := inherits(fields[1])
	if err == nil {
		a.Rights, err = rights(fields[2])
	}
	if err == nil {
		a.Who, err = Trustee(fields[5])
	}
	if err != nil {
		return a, false, errs.Because(err, 0, nil, "(%s)", entry)
	}
	return a, !only, nil
}

// inherits reads the flags of an entry and says whether it is only for children.
func inherits(flags string) (only bool, err error) {
	for rest := flags; rest != ""; rest = rest[2:] {
		if len(rest) < 2 || !strings.Contains(" CI OI NP IO ID ", " "+rest[:2]+" ") {
			return false, invalid("%q is no flag of an entry", rest)
		}
		only = only || rest[:2] == "IO"
	}
	return only, nil
}

// names are the rights with letters.
var names = map[string]access.Mask{
	"GA": access.GenericAll, "GR": access.GenericRead, "GW": access.GenericWrite, "GX": access.GenericExecute,
	"RC": access.ReadControl, "SD": access.Delete, "WD": access.WriteDAC, "WO": access.WriteOwner,
	"CC": 1, "DC": 2, "LC": 4, "SW": 8, "RP": 0x10, "WP": 0x20, "DT": 0x40, "LO": 0x80, "CR": 0x100,
	"FA": 0x1F01FF, "FR": 0x120089, "FW": 0x120116, "FX": 0x1200A0,
	"KA": 0xF003F, "KR": 0x20019, "KW": 0x20006, "KX": 0x20019,
}

// rights reads a number or letters.
func rights(text string) (m access.Mask, err error) {
	if text != "" && text[0] >= '0' && text[0] <= '9' {
		n, err := strconv.ParseUint(text, 0, 32)
		hex := strings.HasPrefix(text, "0x")
		if err != nil || strings.Contains(text, "_") || !hex && strings.ContainsAny(text, "bBoO") {
			return 0, invalid("%q is no number of rights", text)
		}
		m = access.Mask(n)
	} else {
		for rest := text; rest != ""; rest = rest[2:] {
			bits, ok := names[rest[:min(2, len(rest))]]
			if !ok {
				return 0, invalid("%q are no rights", rest)
			}
			m |= bits
		}
	}
	if m&(access.MaximumAllowed|access.SystemSecurity) != 0 {
		return 0, invalid("%q has rights that only a request can have", text)
	}
	// What no kind of object has, grants nothing.
	return m &^ access.Unknown, nil
}

// accounts are the trustees with letters, and those of them with numbers.
var accounts = map[string]access.Trustee{
	"WD": {Kind: access.Everyone}, "S-1-1-0": {Kind: access.Everyone},
	"AU": {Kind: access.Everyone}, "S-1-5-11": {Kind: access.Everyone}, // whoever has a process has a user
	"OW": {Kind: access.Owner}, "S-1-3-4": {Kind: access.Owner},
	"CO": {Kind: access.Owner}, "S-1-3-0": {Kind: access.Owner},
	"CG": {Kind: access.OwningGroup}, "S-1-3-1": {Kind: access.OwningGroup},
	"SY": {Kind: access.System}, "S-1-5-18": {Kind: access.System},
	"BA": {Kind: access.System}, "S-1-5-32-544": {Kind: access.System},
}

// The beginnings of the names of users and groups of Unix.
const (
	unixUser  = "S-1-22-1-"
	unixGroup = "S-1-22-2-"
)

// Trustee reads whom an entry is for: letters, or a SID.
//
// # Errors
//
// fs.ErrInvalid; errors.ErrUnsupported: nobody on Linux.
func Trustee(text string) (access.Trustee, error) {
	if who, ok := accounts[text]; ok {
		return who, nil
	}
	for prefix, kind := range map[string]access.TrusteeKind{unixUser: access.User, unixGroup: access.Group} {
		number, ok := strings.CutPrefix(text, prefix)
		if !ok {
			continue
		}
		id, err := strconv.ParseUint(number, 10, 32)
		if err != nil || id == 1<<32-1 || len(number) > 1 && number[0] == '0' || number[0] == '+' {
			return access.Trustee{}, invalid("%q has no number of a user or group", text)
		}
		if id == 0 && kind == access.User {
			return access.Trustee{Kind: access.System}, nil
		}
		return access.Trustee{Kind: kind, ID: uint32(id)}, nil
	}
	const wayOut = "name a user as S-1-22-1-UID, a group as S-1-22-2-GID (id shows the numbers)"
	switch text {
	case "LW", "ME", "MP", "HI", "SI":
		return access.Trustee{}, unsupported("%q is an integrity level, and Linux has none; %s", text, wayOut)
	case "AC":
		return access.Trustee{}, unsupported("%q are AppContainers, and Linux has none; %s", text, wayOut)
	}
	if strings.HasPrefix(text, "S-1-") || len(text) == 2 && strings.ToUpper(text) == text {
		return access.Trustee{}, unsupported("%q is nobody on Linux; %s", text, wayOut)
	}
	return access.Trustee{}, invalid("%q is nobody; %s", text, wayOut)
}

// What a SID has at the most: numbers behind the authority, and bits of the authority.
const (
	maxSubAuthorities = 15
	authorityBits     = 48
)

// CheckSID says whether a text is a SID, or letters that stand for one
// (https://learn.microsoft.com/windows/win32/secauthz/sid-components).
//
// # Errors
//
// fs.ErrInvalid.
func CheckSID(text string) error {
	if _, known := accounts[text]; known {
		return nil
	}
	parts := strings.Split(text, "-")
	if len(parts) < 4 || len(parts) > 3+maxSubAuthorities || parts[0] != "S" || parts[1] != "1" {
		return invalid("%q is no security identifier, S-1-AUTHORITY-NUMBER-…", text)
	}
	bits := authorityBits
	for _, part := range parts[2:] {
		if _, err := strconv.ParseUint(part, 10, bits); err != nil || part[0] == '+' {
			return invalid("%q in %q is no number of %d bits", part, text, bits)
		}
		bits = 32
	}
	return nil
}
