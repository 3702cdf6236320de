//go:build linux

package winprocess

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"time"

	"atoll/internal/errs"
	"atoll/internal/parley"
)

// Patience is how long another process may take to answer. Stopped ones take longer.
const Patience = 5 * time.Second

// startup is how long a child may take from its birth until it can be asked.
const startup = 10 * time.Second

// teardown is how long a process may take to end after it cannot be asked any more.
const teardown = 200 * time.Millisecond

// Dial asks the process, and sees that it is the one.
func (p *Process) Dial() (*net.UnixConn, error) {
	limit := time.Now().Add(teardown)
	if birth := p.born.Add(startup); birth.After(limit) {
		limit = birth
	}
	for {
		c, err := parley.Dial(p.PID())
		ended, e := p.Ready()
		switch {
		case e != nil || ended:
			if err == nil {
				_ = c.Close()
			}
			return nil, errs.Because(errors.Join(e, os.ErrProcessDone), errs.AccessDenied, nil, "process %d has ended", p.PID())
		case err == nil:
			_ = c.SetDeadline(time.Now().Add(Patience))
			return c, nil
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		case time.Now().After(limit):
			return nil, errs.Because(err, errs.NotSupported, nil, "it cannot be asked for handles")
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // a child that starts, or a process that ends: nobody tells
	}
}
