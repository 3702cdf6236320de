//go:build !windows

package conformance

// low is a role of Windows.
var low *role
