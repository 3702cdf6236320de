// Package guardian is what this very program does when it is started again to look
// after a job, instead of what it was written for: package init takes over before
// main, and before the packages that a program is made of are initialised.
//
// Four roles: guard ends a job's processes when its last holder is gone; watch
// enforces limits for which the kernel has no mechanism here; tree keeps together
// the processes below it where there are no control groups; launch limits itself
// and becomes a member.
//
// So that it takes over that early, the package imports neither os nor fmt, nor
// anything that does.
package guardian
