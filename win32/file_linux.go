package win32

import (
	"atoll/internal/access"
	"atoll/internal/kernel32"
)

func createFile(name string, asked, mode uint32, attributes *SecurityAttributes, createMode, flags uint32, _ Handle) (Handle, error) {
	return made(kernel32.CreateFile(name, access.Mask(asked), mode, attributes.linux(), createMode, flags))
}
