// Package onlinux is Atoll's kernel on Linux: the objects themselves, made of
// names (namespace), members (liveness), the waiting protocol (wait) and mapped
// files. The root package and win32 stand beside each other on it.
package onlinux
