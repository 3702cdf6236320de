//go:build linux

package onlinux

import "atoll/internal/space"

// Intent is what a call wants of a name.
type Intent = space.Intent

// The intents.
const (
	MustCreate   = space.MustCreate
	MustOpen     = space.MustOpen
	CreateOrOpen = space.CreateOrOpen
)
