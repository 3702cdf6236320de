//go:build linux && !race

package park

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/futex"
)

// TestTruncatedFile: a word that has gone fires instead of hanging, or killing
// the process; and does not disturb others. Not with the race detector: that looks
// at the word itself, and dies.
func TestTruncatedFile(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		words := sharedWords(t, 4)
		var good []*testArm
		for _, w := range words {
			a := newArm(t, w)
			a.Set(0)
			good = append(good, a)
		}
		path := newFile(t)
		a := newArm(t, fileWord(t, path, unix.PROT_READ))
		a.Set(0)
		a.silent(t, "nothing happened")
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
		good[0].Set(0)
		words[0].Add(1)
		futex.Wake(words[0]) // a group that this wakes looks at all its words
		good[0].fires(t, "woken")
		a.Clear()
		b := newArm(t, a.word)
		b.Set(0)
		b.fires(t, "the word is not there any more")
		b.Clear()
		good[1].silent(t, "nothing happened")
		words[1].Add(1)
		futex.Wake(words[1])
		good[1].fires(t, "woken")
	})
}
