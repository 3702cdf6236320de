package atoll

import (
	"atoll/internal/onlinux"
)

// The kernel that this build calls: package onlinux.
type (
	intent         = onlinux.Intent
	kernelMutex    = onlinux.Mutex
	kernelEvent    = onlinux.Event
	kernelPrevious = onlinux.Previous
)

const (
	mustCreate   = onlinux.MustCreate
	mustOpen     = onlinux.MustOpen
	createOrOpen = onlinux.CreateOrOpen
)

var (
	openMutex = onlinux.OpenMutex
	openEvent = onlinux.OpenEvent
)
