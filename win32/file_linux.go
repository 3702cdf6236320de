package win32

import (
	"unsafe"

	"atoll/internal/access"
	"atoll/internal/kernel32"
)

func createFile(name string, asked, mode uint32, attributes *SecurityAttributes, createMode, flags uint32, _ Handle) (Handle, error) {
	return made(kernel32.CreateFile(name, access.Mask(asked), mode, attributes.linux(), createMode, flags))
}

func readFile(file Handle, buffer []byte, done *uint32, overlapped *Overlapped) error {
	return errno(kernel32.ReadFile(kernel32.Handle(file), buffer, done, overlapped.linux()))
}

func writeFile(file Handle, buffer []byte, done *uint32, overlapped *Overlapped) error {
	return errno(kernel32.WriteFile(kernel32.Handle(file), buffer, done, overlapped.linux()))
}

func (o *Overlapped) linux() *kernel32.Overlapped { return (*kernel32.Overlapped)(unsafe.Pointer(o)) }

func getFileSizeEx(file Handle, size *int64) error {
	return tell(size, func() (n int64, err error) { return n, kernel32.GetFileSizeEx(kernel32.Handle(file), &n) })
}

func setFilePointerEx(file Handle, distance int64, newPosition *int64, whence uint32) error {
	return errno(kernel32.SetFilePointerEx(kernel32.Handle(file), distance, newPosition, whence))
}

func setEndOfFile(file Handle) error { return errno(kernel32.SetEndOfFile(kernel32.Handle(file))) }

func flushFileBuffers(file Handle) error {
	return errno(kernel32.FlushFileBuffers(kernel32.Handle(file)))
}

func setFileInformationByHandle(file Handle, class uint32, information uintptr, length uint32) error {
	return errno(kernel32.SetFileInformationByHandle(kernel32.Handle(file), class, information, length))
}

func deleteFile(name string) error { return errno(kernel32.DeleteFile(name)) }

func moveFile(from, to string) error { return errno(kernel32.MoveFile(from, to)) }

func copyFile(from, to string, failIfExists bool) error {
	return errno(kernel32.CopyFile(from, to, failIfExists))
}
