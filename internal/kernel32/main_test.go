//go:build linux

package kernel32

import (
	"fmt"
	"testing"

	"atoll/internal/testkit"
)

func TestMain(m *testing.M) {
	adopt() // where this process is asked stays open
	testkit.Main(m, noHandleLeft)
}

func noHandleLeft() (err error) {
	each(func(h Handle, e *entry) {
		err = fmt.Errorf("handle %#x of a %s was left open", h, e.kind)
	})
	return err
}
