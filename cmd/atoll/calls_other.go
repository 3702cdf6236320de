//go:build !linux

package main

var callNames = map[int]string{}
