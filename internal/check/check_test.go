package check

import "testing"

func TestPoint(t *testing.T) {
	var seen []string
	SetHook(func(point string) { seen = append(seen, point) })
	Point("a")
	Point("b")
	SetHook(nil)
	Point("c")
	switch {
	case !Enabled && len(seen) != 0:
		t.Errorf("points are off, but %q were seen", seen)
	case Enabled && (len(seen) != 2 || seen[0] != "a" || seen[1] != "b"):
		t.Errorf("%q were seen", seen)
	}
}
