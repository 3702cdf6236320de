package win32

// CreateFileMapping creates a section, or opens the one that has the name.
func CreateFileMapping(file Handle, attributes *SecurityAttributes, protection, maximumSizeHigh, maximumSizeLow uint32, name string) (handle Handle, err error) {
	return createFileMapping(file, attributes, protection, maximumSizeHigh, maximumSizeLow, name)
}

// CreateFileMappingNuma is CreateFileMapping with a preferred node of memory.
func CreateFileMappingNuma(file Handle, attributes *SecurityAttributes, protection, maximumSizeHigh, maximumSizeLow uint32, name string, node uint32) (handle Handle, err error) {
	return createFileMappingNuma(file, attributes, protection, maximumSizeHigh, maximumSizeLow, name, node)
}

// OpenFileMapping opens a section that exists.
func OpenFileMapping(access uint32, inheritHandle bool, name string) (handle Handle, err error) {
	return openFileMapping(access, inheritHandle, name)
}
