//go:build linux

package kernel32

import (
	"slices"
	"strings"
	"testing"

	"atoll/internal/access"
	"atoll/internal/errs"
)

// FuzzNames: whatever a name is, a create and an open are of one mind about it, and
// nothing is left of it.
func FuzzNames(f *testing.F) {
	for _, name := range []string{
		"", NullName, "x", "x\x00y", "\x00", `Local\x`, `Global\x`, `local\x`, `Local\`, `Local`, `Global`, `\x`, `a\b`, `Session\1\x`, `Local\\x`,
		"\xff", "é\U0001F40B", "a/b:c*?<>|\"", "members", "..", "%41", "~", strings.Repeat("n", 32766), strings.Repeat("n", 32767), strings.Repeat("\U0001F40B", 16384),
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if strings.HasPrefix(name, `Global\`) {
			return // it needs a directory that root has made
		}
		h, err := CreateEvent(nil, name, true, false, 0x1F0003)
		o, openErr := OpenEvent(access.Wait, false, name)
		text, _, _ := strings.Cut(name, "\x00")
		switch {
		case name == NullName:
			number(t, 0, err)
			number(t, errs.InvalidParameter, openErr)
		case text == "":
			number(t, 0, err)
			number(t, errs.InvalidHandle, openErr)
		case err == nil:
			number(t, 0, openErr)
			number(t, 0, CompareObjectHandles(h, o))
			number(t, 0, CloseHandle(o))
			o, openErr = OpenEvent(access.Wait, false, text)
			number(t, 0, openErr)
			number(t, 0, CloseHandle(o))
		default:
			if n := errs.Number(err); h != 0 || o != 0 || n != errs.Number(openErr) ||
				!slices.Contains([]uint32{errs.PathNotFound, errs.AccessDenied, errs.InvalidHandle, errs.InvalidName, errs.BadPathname}, n) {
				t.Errorf("create: %#x, %v; open: %#x, %v", h, err, o, openErr)
			}
			return
		}
		number(t, 0, CloseHandle(h))
		if text != "" {
			_, err = OpenEvent(access.Wait, false, name)
			number(t, errs.FileNotFound, err)
		}
	})
}
