package atoll

import "atoll/internal/layout"

// Version of this library.
const Version = "0.1.0-dev"

// FormatVersion is the version of what lies in shared memory. Programs whose
// FormatVersion differs refuse each other's objects with ErrVersion.
const FormatVersion = layout.Version
