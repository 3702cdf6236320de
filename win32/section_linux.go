package win32

import (
	"atoll/internal/access"
	"atoll/internal/kernel32"
)

func createFileMapping(file Handle, attributes *SecurityAttributes, protection, maximumSizeHigh, maximumSizeLow uint32, name string) (Handle, error) {
	return createFileMappingNuma(file, attributes, protection, maximumSizeHigh, maximumSizeLow, name, NUMA_NO_PREFERRED_NODE)
}

func createFileMappingNuma(file Handle, attributes *SecurityAttributes, protection, maximumSizeHigh, maximumSizeLow uint32, name string, node uint32) (Handle, error) {
	return made(kernel32.CreateFileMapping(kernel32.Mapping{
		File: kernel32.Handle(file), Attributes: attributes.linux(), Protection: protection,
		Size: joined(maximumSizeHigh, maximumSizeLow), Name: name, Node: node,
	}))
}

func joined(high, low uint32) uint64 { return uint64(high)<<32 | uint64(low) }

func openFileMapping(asked uint32, inheritHandle bool, name string) (Handle, error) {
	return made(kernel32.OpenFileMapping(access.Mask(asked), inheritHandle, name))
}
