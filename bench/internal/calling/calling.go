// Package calling is what the command and its programs in Go agree on.
package calling

import "slices"

// The environment of a program.
const (
	// Program is the name of the program that it is to be.
	Program = "ATOLL_BENCH_PROGRAM"
	// Part is the only part to measure, if it is set.
	Part = "ATOLL_BENCH_PART"
	// Profile is two pipes, if it is set: where to say that a profile should begin, and
	// where that is answered.
	Profile = "ATOLL_BENCH_PROFILE"
)

// Quantile is the one of a list, which stays as it is: of an even number of values the
// median is in the middle of two.
func Quantile(list []float64, q float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (sorted[high]-sorted[low])*(at-float64(low))
}
