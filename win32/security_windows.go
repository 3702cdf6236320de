package win32

import "golang.org/x/sys/windows"

// SecurityDescriptor says who may do what with an object. It is made by
// [ConvertStringSecurityDescriptorToSecurityDescriptor] and is otherwise opaque.
type SecurityDescriptor = windows.SECURITY_DESCRIPTOR

// SID names a user or a group.
type SID = windows.SID

// ProcThreadAttributeList are attributes for [CreateProcess].
type ProcThreadAttributeList = windows.ProcThreadAttributeList

// ProcThreadAttributeListContainer makes a [ProcThreadAttributeList].
type ProcThreadAttributeListContainer = windows.ProcThreadAttributeListContainer
