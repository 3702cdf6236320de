package sddl

import (
	"errors"
	"io/fs"
	"reflect"
	"strings"
	"testing"

	"atoll/internal/access"
)

func allow(kind access.TrusteeKind, id uint32, rights access.Mask) access.ACE {
	return access.ACE{Who: access.Trustee{Kind: kind, ID: id}, Rights: rights}
}

func deny(kind access.TrusteeKind, id uint32, rights access.Mask) access.ACE {
	a := allow(kind, id, rights)
	a.Deny = true
	return a
}

// The common descriptors, and each thing that one can have.
func TestParse(t *testing.T) {
	id := func(n int) *int { return &n }
	const all = access.GenericAll
	for text, want := range map[string]access.Security{
		"":                            {},
		"D:":                          {ACL: []access.ACE{}},
		"D:P":                         {ACL: []access.ACE{}},
		"D:NO_ACCESS_CONTROL":         {ACL: []access.ACE{allow(access.Everyone, 0, all)}},
		"D:(A;;GA;;;WD)":              {ACL: []access.ACE{allow(access.Everyone, 0, all)}},
		"D:P(A;;GA;;;SY)(A;;GA;;;BA)": {ACL: []access.ACE{allow(access.System, 0, all), allow(access.System, 0, all)}},
		"D:(A;;GA;;;SY)(A;;GA;;;BA)(A;;GRGWGX;;;AU)": {ACL: []access.ACE{
			allow(access.System, 0, all), allow(access.System, 0, all), allow(access.Everyone, 0, access.GenericRead|access.GenericWrite|access.GenericExecute),
		}},
		"D:(A;;0x00000004;;;WD)(A;;GA;;;CO)": {ACL: []access.ACE{allow(access.Everyone, 0, 4), allow(access.Owner, 0, all)}},
		"D:(A;;0x00100002;;;AU)":             {ACL: []access.ACE{allow(access.Everyone, 0, 0x100002)}},
		"O:S-1-22-1-1000G:S-1-22-2-20D:PAI(D;;GW;;;S-1-22-2-4294967294)(A;CIOI;GA;;;OW)(A;;SDRCWDWO;;;CG)(A;;0x1F0003;;;S-1-22-1-7)": {
			Owner: id(1000), Group: id(20),
			ACL: []access.ACE{deny(access.Group, 1<<32-2, access.GenericWrite), allow(access.Owner, 0, all), allow(access.OwningGroup, 0, 0xF0000), allow(access.User, 7, 0x1F0003)},
		},
		"O:SYG:BA":              {Owner: id(0), Group: id(0)},
		"O:S-1-22-1-0D:S:":      {Owner: id(0), ACL: []access.ACE{}},
		"D:S:NO_ACCESS_CONTROL": {ACL: []access.ACE{}},
		"S:P":                   {},
		"D:(A;IO;GA;;;WD)":      {ACL: []access.ACE{}},
		"D:(A;;;;;WD)":          {ACL: []access.ACE{allow(access.Everyone, 0, 0)}},
		"D:(A;;FA;;;WD)(A;;CCDC;;;S-1-1-0)(A;;017;;;S-1-5-11)(A;;12;;;S-1-3-0)": {ACL: []access.ACE{
			allow(access.Everyone, 0, 0x1F01FF), allow(access.Everyone, 0, 3), allow(access.Everyone, 0, 0o17), allow(access.Owner, 0, 12),
		}},
	} {
		got, err := Parse(text)
		if err != nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, c := range map[string]struct {
		want error
		says string
	}{
		"S:(ML;;NW;;;LW)":                  {errors.ErrUnsupported, "no integrity levels"},
		"D:(A;;GA;;;WD)S:(ML;;NW;;;LW)":    {errors.ErrUnsupported, "leave it out, and give processes that you do not trust a user of their own"},
		"S:(AU;SAFA;GA;;;WD)":              {errors.ErrUnsupported, "what is audited"},
		"D:(A;;GA;;;AC)":                   {errors.ErrUnsupported, "AppContainers"},
		"D:(A;;GA;;;LW)":                   {errors.ErrUnsupported, "integrity level"},
		"D:(A;;GA;;;BU)":                   {errors.ErrUnsupported, `"BU" is nobody on Linux; name a user as S-1-22-1-UID`},
		"D:(A;;GA;;;S-1-5-21-1-2-3-1001)":  {errors.ErrUnsupported, "name a user as S-1-22-1-UID"},
		"O:S-1-22-2-7":                     {errors.ErrUnsupported, "the owner of a file is a user"},
		"G:S-1-22-1-7":                     {errors.ErrUnsupported, "the group of a file is a group"},
		"O:WD":                             {errors.ErrUnsupported, "the owner of a file is a user"},
		"D:(OA;;GA;;;WD)":                  {errors.ErrUnsupported, "no entries of the type OA"},
		`D:(XA;;GA;;;WD;(@User.x=="(y)"))`: {fs.ErrInvalid, "has 7 fields"},
		"D:(A;;GA;bf967aba-0de6-11d0;;WD)": {errors.ErrUnsupported, "a part of an object"},
		"D:(A;;MA;;;WD)":                   {fs.ErrInvalid, `"MA" are no rights`},
		"D:(A;;G;;;WD)":                    {fs.ErrInvalid, `"G" are no rights`},
		"D:(A;;0x100000000;;;WD)":          {fs.ErrInvalid, "no number of rights"},
		"D:(A;;0xffffffff;;;S-1-3-4)":      {fs.ErrInvalid, "only a request can have"},
		"D:(A;;0x02000000;;;WD)":           {fs.ErrInvalid, "only a request can have"},
		"D:(A;;1_0;;;WD)":                  {fs.ErrInvalid, "no number of rights"},
		"D:(A;;0b1;;;WD)":                  {fs.ErrInvalid, "no number of rights"},
		"D:(A;;GA;;;S-1-22-1-)":            {fs.ErrInvalid, "no number of a user"},
		"D:(A;;GA;;;S-1-22-1-4294967295)":  {fs.ErrInvalid, "no number of a user"},
		"D:(A;;GA;;;S-1-22-2-01)":          {fs.ErrInvalid, "no number of a user"},
		"D:(A;;GA;;;S-1-22-1-+1)":          {fs.ErrInvalid, "no number of a user"},
		"D:(A;;GA;;;)":                     {fs.ErrInvalid, `"" is nobody`},
		"D:(A;;GA;;;Everyone)":             {fs.ErrInvalid, `"Everyone" is nobody`},
		"D:(Q;;GA;;;WD)":                   {fs.ErrInvalid, `"Q" is no type`},
		"D:(A;SA;GA;;;WD)":                 {fs.ErrInvalid, `"SA" is no flag`},
		"D:(A;C;GA;;;WD)":                  {fs.ErrInvalid, `"C" is no flag`},
		"D:(A;;GA;;WD)":                    {fs.ErrInvalid, "has 5 fields"},
		"D:(A;;GA;;;WD":                    {fs.ErrInvalid, "has no end"},
		"D:X(A;;GA;;;WD)":                  {fs.ErrInvalid, `"X" is no flag of a list`},
		"D:NO_ACCESS_CONTROL(A;;GA;;;WD)":  {fs.ErrInvalid, "no flag of a list"},
		"D:D:":                             {fs.ErrInvalid, "D: comes twice"},
		"X:":                               {fs.ErrInvalid, `"X:" is where`},
		"(A;;GA;;;WD)":                     {fs.ErrInvalid, "must begin"},
		"D":                                {fs.ErrInvalid, "must begin"},
		"O:":                               {fs.ErrInvalid, "is nobody"},
	} {
		got, err := Parse(text)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %+v, %v, want %q", text, got, err, c.says)
		}
	}
}

// Any text gives a descriptor or an error, and any descriptor gives any object rights
// or an error.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"", "D:", "O:SYG:BAD:P(A;;GA;;;SY)(D;CI;0x4;;;S-1-22-2-10)S:", "D:(A;;GRGX;;;WD)(A;;GA;;;CO)(A;;0x1;;;S-1-22-1-1)", "S:(ML;;NW;;;LW)",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			if !errors.Is(err, fs.ErrInvalid) && !errors.Is(err, errors.ErrUnsupported) {
				t.Fatalf("%v is neither", err)
			}
			return
		}
		for _, o := range []access.Subject{{Kind: access.Section}, {Kind: access.Mutex}, {Kind: access.Event, ManualReset: true}, {Kind: access.Timer}} {
			r, err := s.FileRights(o, access.Creator{UID: 1, GID: 2})
			if err == nil && r.Mode&^0o666 != 0 {
				t.Fatalf("%q: %+v", text, r)
			}
		}
	})
}
