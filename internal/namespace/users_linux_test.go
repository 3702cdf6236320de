package namespace

import (
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/lockfile"
)

func TestParseLocks(t *testing.T) {
	const head = "pos:\t0\nflags:\t02100002\nmnt_id:\t30\nino:\t22\n"
	shm := lockfile.Identity{Dev: unix.Mkdev(0, 0x1b), Ino: 22}
	for _, c := range []struct {
		name, text     string
		id             lockfile.Identity
		holder, viewer bool
	}{
		{"none", head, lockfile.Identity{}, false, false},
		{"handle", head + "lock:\t1: OFDLCK ADVISORY  READ -1 00:1b:22 0 0\n", shm, true, false},
		{"view", head + "lock:\t1: OFDLCK ADVISORY  READ -1 00:1b:22 2 2\n", shm, false, true},
		{"both, joined with the door", head + "lock:\t1: OFDLCK ADVISORY  READ -1 00:1b:22 0 2\n", shm, true, true},
		{"both, apart", head + "lock:\t1: OFDLCK ADVISORY  WRITE -1 00:1b:22 0 0\nlock:\t2: OFDLCK ADVISORY  READ -1 00:1b:22 2 2\n", shm, true, true},
		{"the door", head + "lock:\t1: OFDLCK ADVISORY  READ -1 00:1b:22 1 1\n", shm, false, false},
		{"another byte", head + "lock:\t1: OFDLCK ADVISORY  READ -1 00:1b:22 7 EOF\n", shm, false, false},
		{"flock", head + "lock:\t1: FLOCK  ADVISORY  WRITE 812 00:1b:22 0 EOF\n", lockfile.Identity{}, false, false},
		{"nonsense", "lock:\t1: OFDLCK ADVISORY  READ -1 zz:22 0 0\nlock:\n", lockfile.Identity{}, false, false},
	} {
		id, holder, viewer := parseLocks([]byte(c.text))
		if id != c.id || holder != c.holder || viewer != c.viewer {
			t.Errorf("%s: %v, holder %v, viewer %v", c.name, id, holder, viewer)
		}
	}
}
