//go:build !atollcheck

package check

import "testing"

func TestPointsCostNothingWhenOff(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { Point("a") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
