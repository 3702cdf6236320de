package main

import (
	"errors"

	"atoll"
)

func protectionNames() []string { return []string{"read-write"} }
func createSection(string, *createFlags) (atoll.Object, bool, error) {
	return nil, false, errors.ErrUnsupported
}
