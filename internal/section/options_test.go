package section

import (
	"os"
	"testing"

	"atoll/internal/access"
	"atoll/internal/errs"
)

// What no section can be is refused with Windows' number.
func TestOptions(t *testing.T) {
	f := os.Stdin // any file
	const large = 2 << 20
	for _, c := range []struct {
		says   string
		o      Options
		number uint32
	}{
		{"memory", Options{Size: 1}, 0},
		{"the whole file", Options{File: f}, 0},
		{"of a file, at any size", Options{File: f, Size: 1 << 50}, 0},
		{"reserved", Options{Size: 1, Reserve: true}, 0},
		{"large pages", Options{Size: large, LargePages: true}, 0},
		{"no size", Options{}, 87},
		{"negative", Options{Size: -1}, 87},
		{"negative, of a file", Options{File: f, Size: -1}, 87},
		{"the most", Options{Size: 1<<47 - 1}, 0},
		{"too big", Options{Size: 1 << 47}, 8},
		{"large pages of a file", Options{File: f, Size: large, LargePages: true}, 87},
		{"large pages, reserved", Options{Size: large, LargePages: true, Reserve: true}, 87},
		{"a part of a large page", Options{Size: large + 4096, LargePages: true}, 87},
	} {
		c.o.Protection = access.ReadWrite
		if err := c.o.Valid(); errs.Number(err) != c.number {
			t.Errorf("%s: %v, want number %d", c.says, err, c.number)
		}
	}
	for _, p := range []access.Protection{0, access.ExecuteWriteCopy + 1} {
		if err := (&Options{Size: 1, Protection: p}).Valid(); errs.Number(err) != 87 {
			t.Errorf("protection %d: %v", p, err)
		}
	}
}
