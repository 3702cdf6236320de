// Package cgroup is version 2 of Linux' control groups, through their files only:
// where the hierarchy is mounted, what a group can do, who is in it, and its end.
//
// It imports neither os nor fmt, so that package guardian, which must run before
// them, can use it.
package cgroup
