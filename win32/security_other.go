//go:build !windows

package win32

import "atoll/internal/access"

// SecurityDescriptor says who may do what with an object. It is made by
// [ConvertStringSecurityDescriptorToSecurityDescriptor] and is otherwise opaque.
type SecurityDescriptor struct{ security *access.Security }

// SID names a user or a group.
type SID struct{ text string }
