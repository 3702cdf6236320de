package conformance

import (
	"testing"

	"atoll/win32"
)

func TestNames(t *testing.T) { run(t, names) }

var names = []line{
	{
		id: "C002", says: "no object N → CreateEvent(N) → handle, LastError 0", source: "test_event (W)",
		check: func(t *T) { t.Fresh(win32.CreateEvent(nil, 0, 0, t.Name())) },
	},
	{
		id: "C008", says: "E exists as N → CreateEvent(N) → handle, 183", source: "test_event (W)(D)",
		check: func(t *T) {
			n := t.Name()
			t.Fresh(win32.CreateEvent(nil, 0, 0, n))
			t.Exists(win32.CreateEvent(nil, 0, 0, n))
		},
	},
}
