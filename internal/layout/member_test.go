package layout

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"atoll/internal/errs"
)

func TestMemberRoundTrip(t *testing.T) {
	for _, c := range []struct{ in, out MemberInfo }{
		{MemberInfo{}, MemberInfo{}},
		{MemberInfo{4711, 1763000000123456789, "indexer"}, MemberInfo{4711, 1763000000123456789, "indexer"}},
		{MemberInfo{1, 1, "日本"}, MemberInfo{1, 1, "日本"}},
		{MemberInfo{1, 1, "a\xFFb"}, MemberInfo{1, 1, "a?b"}},
		{MemberInfo{1, 1, strings.Repeat("x", 300)}, MemberInfo{1, 1, strings.Repeat("x", commandSize)}},
		{MemberInfo{1, 1, strings.Repeat("x", commandSize-1) + "é"}, MemberInfo{1, 1, strings.Repeat("x", commandSize-1) + "?"}},
	} {
		b := EncodeMember(c.in)
		if len(b) != MemberSize || b[MemberBell] != 0 {
			t.Errorf("%d bytes, bell %d", len(b), b[MemberBell])
		}
		got, err := ParseMember(b)
		if err != nil || got != c.out {
			t.Errorf("got %+v, %v, want %+v", got, err, c.out)
		}
	}
}

func TestNotAMember(t *testing.T) {
	sound := EncodeMember(MemberInfo{PID: 1, Command: "x"})
	for name, c := range map[string]struct {
		change func(b []byte) []byte
		want   error
	}{
		"nothing":        {func([]byte) []byte { return nil }, errs.ErrCorrupt},
		"short":          {func(b []byte) []byte { return b[:memberCommand+commandSize-1] }, errs.ErrCorrupt},
		"an object":      {func(b []byte) []byte { copy(b, Magic); return b }, errs.ErrCorrupt},
		"version 0":      {func(b []byte) []byte { b[memberVersion] = 0; return b }, errs.ErrVersion},
		"version 2":      {func(b []byte) []byte { b[memberVersion] = 2; return b }, errs.ErrVersion},
		"impossible pid": {func(b []byte) []byte { b[memberPID+3] = 0xFF; return b }, errs.ErrCorrupt},
	} {
		if _, err := ParseMember(c.change(append([]byte(nil), sound...))); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func FuzzParseMember(f *testing.F) {
	f.Add(EncodeMember(MemberInfo{PID: 4711, Started: 1, Command: "indexer"}))
	f.Add([]byte(MemberMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseMember(b)
		if err != nil {
			if !errors.Is(err, errs.ErrCorrupt) && !errors.Is(err, errs.ErrVersion) {
				t.Fatalf("%v is neither ErrCorrupt nor ErrVersion", err)
			}
			return
		}
		if m.PID < 0 || len(m.Command) > 3*commandSize || !utf8.ValidString(m.Command) {
			t.Fatalf("impossible member %+v", m)
		}
	})
}
