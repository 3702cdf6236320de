//go:build linux || windows

package win32_test

import (
	"testing"
	"unsafe"

	. "atoll/win32"
)

func fails(t *testing.T, want Errno, err error) {
	t.Helper()
	if want == 0 && err != nil || want != 0 && err != want {
		t.Errorf("error %v, want %d", err, want)
	}
}

// What the calls on memory say of arguments that are missing, or that nothing has.
func TestMemoryArguments(t *testing.T) {
	section, err := CreateFileMappingNuma(INVALID_HANDLE_VALUE, nil, PAGE_READWRITE|SEC_NOCACHE|SEC_COMMIT, 0, 4096, "", NUMA_NO_PREFERRED_NODE)
	fails(t, 0, err)
	view, err := MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0)
	fails(t, 0, err)
	fails(t, 0, CloseHandle(section))

	var info MemoryBasicInformation
	fails(t, 0, VirtualQuery(view, &info, unsafe.Sizeof(info)))
	if info.AllocationProtect != PAGE_READWRITE|PAGE_NOCACHE {
		t.Errorf("allocated with protection %#x", info.AllocationProtect)
	}
	fails(t, ERROR_BAD_LENGTH, VirtualQuery(view, &info, unsafe.Sizeof(info)-1))
	fails(t, ERROR_INVALID_PARAMETER, VirtualQuery(^uintptr(0), &info, unsafe.Sizeof(info)))
	fails(t, ERROR_NOACCESS, VirtualProtect(view, 1, PAGE_READONLY, nil))
	fails(t, ERROR_INVALID_PARAMETER, PrefetchVirtualMemory(GetCurrentProcess(), nil, 0))
	fails(t, ERROR_INVALID_ADDRESS, UnmapViewOfFile(0))

	value, err := VirtualAlloc(view, 4096, MEM_RESET, PAGE_READWRITE)
	fails(t, 0, err)
	if value != view {
		t.Errorf("%#x, want %#x", value, view)
	}
	fails(t, ERROR_INVALID_PARAMETER, VirtualFree(view, 0, MEM_RELEASE))
	fails(t, 0, UnmapViewOfFile(view))
	fails(t, ERROR_INVALID_ADDRESS, UnmapViewOfFile(view))
}
