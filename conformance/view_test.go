package conformance

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"testing"
	"unsafe"

	"atoll/win32"
)

func TestViews(t *testing.T) { run(t, viewLines) }

var viewLines = []line{
	{
		id: "C140", says: "RW section → MapViewOfFile(WRITE) → PAGE_READWRITE, readable too", source: "test_MapViewOfFile (W)",
		check: func(t *T) {
			v := t.View(win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE, 4096), win32.FILE_MAP_WRITE, 0, 0, 0))
			t.Same(win32.PAGE_READWRITE, query(t, v).Protect)
			bytes(v, 1)[0] = 7
			t.Same(7, bytes(v, 1)[0])
		},
	},
	{
		id: "C141", says: "RW section → MapViewOfFile(FILE_MAP_ALL_ACCESS) → PAGE_READWRITE, not executable", source: "sdk:mapviewoffile (D)(W)",
		check: func(t *T) {
			v := t.View(win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE, 4096), win32.FILE_MAP_ALL_ACCESS, 0, 0, 0))
			t.Same(win32.PAGE_READWRITE, query(t, v).Protect)
		},
	},
	{
		id: "C142", says: "RW section → MapViewOfFile(COPY) → PAGE_WRITECOPY", source: "test_mapping (W)",
		check: func(t *T) {
			v := t.View(win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE, 4096), win32.FILE_MAP_COPY, 0, 0, 0))
			t.Same(win32.PAGE_WRITECOPY, query(t, v).Protect)
		},
	},
	{
		id: "C144", says: "RW section → MapViewOfFile(WRITE|COPY) → PAGE_READWRITE, writes are shared", source: "test_mapping (W)",
		check: func(t *T) {
			s := memory(t, win32.PAGE_READWRITE, 4096)
			v := t.View(win32.MapViewOfFile(s, win32.FILE_MAP_WRITE|win32.FILE_MAP_COPY, 0, 0, 0))
			t.Same(win32.PAGE_READWRITE, query(t, v).Protect)
			other := t.View(win32.MapViewOfFile(s, win32.FILE_MAP_READ, 0, 0, 0))
			bytes(v, 1)[0] = 7
			t.Same(7, bytes(other, 1)[0])
		},
	},
	{
		id: "C145", says: "RW section → MapViewOfFile(0) → non-NULL, PAGE_NOACCESS, touching faults", source: "test_mapping (W)",
		check: func(t *T) {
			v := t.View(win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE, 4096), 0, 0, 0, 0))
			t.Same(win32.PAGE_NOACCESS, query(t, v).Protect)
			t.Faults(v+5, func() { _ = load(v + 5) })
		},
	},
	{
		id: "C146", says: "RW section → MapViewOfFile(FILE_MAP_EXECUTE) alone → non-NULL, PAGE_NOACCESS", source: "test_mapping (W)",
		check: func(t *T) {
			v := t.View(win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE, 4096), win32.FILE_MAP_EXECUTE, 0, 0, 0))
			t.Same(win32.PAGE_NOACCESS, query(t, v).Protect)
		},
	},
	{
		id: "C148", says: "RW section → MapViewOfFile(EXECUTE|WRITE) → NULL, 5", source: "test_mapping (W)",
		check: func(t *T) {
			t.NoView(win32.ERROR_ACCESS_DENIED)(win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE, 4096), win32.FILE_MAP_EXECUTE|win32.FILE_MAP_WRITE, 0, 0, 0))
		},
	},
	{
		id: "C149", says: "READONLY section → MapViewOfFile(WRITE) → NULL, 5", source: "test_mapping (W)",
		check: func(t *T) {
			t.NoView(win32.ERROR_ACCESS_DENIED)(win32.MapViewOfFile(memory(t, win32.PAGE_READONLY, 4096), win32.FILE_MAP_WRITE, 0, 0, 0))
		},
	},
	{
		id: "C150", says: "READONLY section → MapViewOfFile(COPY) → ok, PAGE_WRITECOPY", source: "test_MapViewOfFile (W)(D)",
		check: func(t *T) {
			v := t.View(win32.MapViewOfFile(memory(t, win32.PAGE_READONLY, 4096), win32.FILE_MAP_COPY, 0, 0, 0))
			t.Same(win32.PAGE_WRITECOPY, query(t, v).Protect)
		},
	},
	{
		id: "C152", says: "WRITECOPY section → MapViewOfFile(WRITE) → NULL, 5", source: "test_mapping (W)",
		check: func(t *T) {
			t.NoView(win32.ERROR_ACCESS_DENIED)(win32.MapViewOfFile(memory(t, win32.PAGE_WRITECOPY, 4096), win32.FILE_MAP_WRITE, 0, 0, 0))
		},
	},
	{
		id: "C153", says: "EXECUTE_READ section → MapViewOfFile(EXECUTE|READ) → PAGE_EXECUTE_READ", source: "test_mapping (W)",
		check: func(t *T) {
			v := t.View(win32.MapViewOfFile(memory(t, win32.PAGE_EXECUTE_READ, 4096), win32.FILE_MAP_EXECUTE|win32.FILE_MAP_READ, 0, 0, 0))
			t.Same(win32.PAGE_EXECUTE_READ, query(t, v).Protect)
		},
	},
	{
		id: "C154", says: "EXECUTE_READ section → MapViewOfFile(WRITE) → NULL, 5", source: "test_mapping (W)",
		check: func(t *T) {
			t.NoView(win32.ERROR_ACCESS_DENIED)(win32.MapViewOfFile(memory(t, win32.PAGE_EXECUTE_READ, 4096), win32.FILE_MAP_WRITE, 0, 0, 0))
		},
	},
	{
		id: "C156", says: "EXECUTE_READWRITE section → MapViewOfFile(EXECUTE|COPY) → PAGE_EXECUTE_WRITECOPY", source: "test_mapping (W)",
		check: func(t *T) {
			v := t.View(win32.MapViewOfFile(memory(t, win32.PAGE_EXECUTE_READWRITE, 4096), win32.FILE_MAP_EXECUTE|win32.FILE_MAP_COPY, 0, 0, 0))
			t.Same(win32.PAGE_EXECUTE_WRITECOPY, query(t, v).Protect)
		},
	},
	{
		id: "C157", says: "h(FILE_MAP_READ) of a RW section → MapViewOfFile(WRITE) → NULL, 5", source: "test_MapViewOfFile (W)",
		check: func(t *T) {
			t.NoView(win32.ERROR_ACCESS_DENIED)(win32.MapViewOfFile(opened(t, win32.FILE_MAP_READ), win32.FILE_MAP_WRITE, 0, 0, 0))
		},
	},
	{
		id: "C158", says: "h(FILE_MAP_WRITE) → MapViewOfFile(READ) → NULL, 5", source: "test_MapViewOfFile (W≠D)",
		check: func(t *T) {
			h := opened(t, win32.FILE_MAP_WRITE)
			t.NoView(win32.ERROR_ACCESS_DENIED)(win32.MapViewOfFile(h, win32.FILE_MAP_READ, 0, 0, 0))
			t.View(win32.MapViewOfFile(h, win32.FILE_MAP_WRITE, 0, 0, 0))
		},
	},
	{
		id: "C160", says: "h(FILE_MAP_WRITE) → MapViewOfFile(COPY) → NULL, 5", source: "2.7 (W derived)",
		check: func(t *T) {
			t.NoView(win32.ERROR_ACCESS_DENIED)(win32.MapViewOfFile(opened(t, win32.FILE_MAP_WRITE), win32.FILE_MAP_COPY, 0, 0, 0))
		},
	},
	{
		id: "C161", says: "DuplicateHandle(mapping, access 0) → MapViewOfFile(0) → NULL, 5", source: "test_MapViewOfFile (W)",
		check: func(t *T) {
			t.NoView(win32.ERROR_ACCESS_DENIED)(win32.MapViewOfFile(duplicate(t, memory(t, win32.PAGE_READWRITE, 4096), 0), 0, 0, 0, 0))
		},
	},
	{
		id: "C162", says: "DuplicateHandle(mapping, FILE_MAP_READ) → MapViewOfFile(0) → ok", source: "test_MapViewOfFile (W)",
		check: func(t *T) {
			t.View(win32.MapViewOfFile(duplicate(t, memory(t, win32.PAGE_READWRITE, 4096), win32.FILE_MAP_READ), 0, 0, 0, 0))
		},
	},
	{
		id: "C164", says: "RW section opened h(FILE_MAP_ALL_ACCESS) → MapViewOfFile(EXECUTE|WRITE) → NULL, 87 (not 5)", source: "RT:NtMapViewOfSection (RT)",
		gap: gaps{onWine: "Wine maps it: it compares the view with the handle's access only"},
		check: func(t *T) {
			t.NoView(win32.ERROR_INVALID_PARAMETER)(win32.MapViewOfFile(opened(t, win32.FILE_MAP_ALL_ACCESS), win32.FILE_MAP_EXECUTE|win32.FILE_MAP_WRITE, 0, 0, 0))
		},
	},
	{
		id: "C165", says: "offset 1 → NULL, 1132", source: "WT-n/virtual test_NtMapViewOfSection (W)",
		check: func(t *T) {
			t.NoView(win32.ERROR_MAPPED_ALIGNMENT)(win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE, 1<<17), win32.FILE_MAP_READ, 0, 1, 0))
		},
	},
	{
		id: "C166", says: "offset 4096 → NULL, 1132", source: "WT-n/virtual test_NtMapViewOfSection (W)",
		check: func(t *T) {
			t.NoView(win32.ERROR_MAPPED_ALIGNMENT)(win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE, 1<<17), win32.FILE_MAP_READ, 0, 4096, 0))
		},
	},
	{
		id: "C168", says: "length = section size + 1 (file section 0x3452, length 0x3453) → NULL, 5", source: "test_MapViewOfFile (W)",
		check: func(t *T) {
			f := open(t, tempFile(t, 0x3452), win32.GENERIC_READ)
			s := t.Fresh(win32.CreateFileMapping(f, nil, win32.PAGE_READONLY, 0, 0, ""))
			t.View(win32.MapViewOfFile(s, win32.FILE_MAP_READ, 0, 0, 0x3452))
			t.NoView(win32.ERROR_ACCESS_DENIED)(win32.MapViewOfFile(s, win32.FILE_MAP_READ, 0, 0, 0x3453))
		},
	},
	{
		id: "C169", says: "length 0 → whole rest of the section; RegionSize page-rounded", source: "test_MapViewOfFile (W)",
		check: func(t *T) {
			f := open(t, tempFile(t, 0x13452), win32.GENERIC_READ)
			s := t.Fresh(win32.CreateFileMapping(f, nil, win32.PAGE_READONLY, 0, 0, ""))
			v := t.View(win32.MapViewOfFile(s, win32.FILE_MAP_READ, 0, 0x10000, 0))
			t.Same(0x4000, query(t, v).RegionSize)
		},
	},
	{
		id: "C170", says: "offset 65536 = section size → NULL, 5 or 87", source: "2.9 (inf)",
		check: func(t *T) {
			v, err := win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE, 65536), win32.FILE_MAP_READ, 0, 65536, 0)
			if v != 0 || err != win32.ERROR_ACCESS_DENIED && err != win32.ERROR_INVALID_PARAMETER {
				t.Errorf("view %#x, error %v, want none, and 5 or 87", v, err)
			}
		},
	},
	{
		id: "C172", says: "MapViewOfFileEx(base = free 64 KiB-aligned) → returns exactly base", source: "sdk:mapviewoffileex (D)",
		check: func(t *T) {
			s := memory(t, win32.PAGE_READWRITE, 4096)
			v := viewAtFree(t, s)
			bytes(v, 1)[0] = 7
		},
	},
	{
		id: "C173", says: "MapViewOfFileEx(base of an existing view) → NULL, 487", source: "test_NtMapViewOfSection (W)",
		check: func(t *T) {
			s := memory(t, win32.PAGE_READWRITE, 4096)
			v := t.View(win32.MapViewOfFile(s, win32.FILE_MAP_WRITE, 0, 0, 0))
			t.NoView(win32.ERROR_INVALID_ADDRESS)(win32.MapViewOfFileEx(s, win32.FILE_MAP_WRITE, 0, 0, 0, v))
		},
	},
	{
		id: "C174", says: "MapViewOfFileEx(base+42) → NULL, 1132", source: "test_NtMapViewOfSection (W)",
		check: func(t *T) {
			s := memory(t, win32.PAGE_READWRITE, 4096)
			base := freeAddress(t, 65536)
			t.NoView(win32.ERROR_MAPPED_ALIGNMENT)(win32.MapViewOfFileEx(s, win32.FILE_MAP_WRITE, 0, 0, 0, base+42))
			t.NoView(win32.ERROR_MAPPED_ALIGNMENT)(win32.MapViewOfFileEx(s, win32.FILE_MAP_WRITE, 0, 0, 0, base+0x1000))
		},
	},
	{
		id: "C176", says: "MapViewOfFileEx(NULL) → as MapViewOfFile", source: "sdk (D)",
		check: func(t *T) {
			v := t.View(win32.MapViewOfFileEx(memory(t, win32.PAGE_READWRITE, 4096), win32.FILE_MAP_WRITE, 0, 0, 0, 0))
			bytes(v, 1)[0] = 7
		},
	},
	{
		id: "C177", says: "returned address % 65536 = 0", source: "sdk GetSystemInfo rule (D)",
		check: func(t *T) {
			for _, size := range []uint32{1, 4096, 0x3452, 65536, 0x12345} {
				v := t.View(win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE, size), win32.FILE_MAP_WRITE, 0, 0, 0))
				t.Same(0, v%65536)
			}
		},
	},
	{
		id: "C178", says: "two views of one section in one process → different addresses; write via one visible in the other", source: "test_MapViewOfFile, sdk (W)(D)",
		check: func(t *T) {
			s := memory(t, win32.PAGE_READWRITE, 4096)
			v := t.View(win32.MapViewOfFile(s, win32.FILE_MAP_WRITE, 0, 0, 0))
			other := t.View(win32.MapViewOfFile(s, win32.FILE_MAP_READ, 0, 0, 0))
			if v == other {
				t.Fatalf("both views are at %#x", v)
			}
			bytes(v, 4096)[4095] = 7
			t.Same(7, bytes(other, 4096)[4095])
		},
	},
	{
		id: "C180", says: "P1 READ view, P2 WRITE view of same name, P2 writes → P1 sees it", source: "test_shared_memory_ro (W)",
		check: func(t *T) {
			n := t.Name()
			s := t.Fresh(win32.CreateFileMapping(win32.INVALID_HANDLE_VALUE, nil, win32.PAGE_READWRITE, 0, 4096, n))
			v := t.View(win32.MapViewOfFile(s, win32.FILE_MAP_READ, 0, 0, 0))
			t.Child(viewWriter, n, win32.FILE_MAP_WRITE).Expect("written", 7)
			t.Same(7, bytes(v, 1)[0])
		},
	},
	{
		id: "C181", says: "P2 maps COPY and writes → P1 still sees 0", source: "test_shared_memory_ro (W)",
		check: func(t *T) {
			n := t.Name()
			s := t.Fresh(win32.CreateFileMapping(win32.INVALID_HANDLE_VALUE, nil, win32.PAGE_READWRITE, 0, 4096, n))
			v := t.View(win32.MapViewOfFile(s, win32.FILE_MAP_READ, 0, 0, 0))
			t.Child(viewWriter, n, win32.FILE_MAP_COPY).Expect("written", 7)
			t.Same(0, bytes(v, 1)[0])
		},
	},
	{
		id: "C182", says: "two sections over one file, write via one → visible via the other without flush", source: "sdk:mapviewoffile (D)",
		check: func(t *T) {
			f := open(t, tempFile(t, 4096), win32.GENERIC_READ|win32.GENERIC_WRITE)
			s := t.Fresh(win32.CreateFileMapping(f, nil, win32.PAGE_READWRITE, 0, 0, ""))
			s2 := t.Fresh(win32.CreateFileMapping(f, nil, win32.PAGE_READWRITE, 0, 0, ""))
			v := t.View(win32.MapViewOfFile(s, win32.FILE_MAP_WRITE, 0, 0, 0))
			other := t.View(win32.MapViewOfFile(s2, win32.FILE_MAP_READ, 0, 0, 0))
			bytes(v, 4096)[100] = 7
			t.Same(7, bytes(other, 4096)[100])
		},
	},
	{
		id: "C184", says: "write through file view, unmap, close, ReadFile → data there", source: "w32:Memory/creating-a-file-view (D)",
		check: func(t *T) {
			f := open(t, tempFile(t, 4096), win32.GENERIC_READ|win32.GENERIC_WRITE)
			s, err := win32.CreateFileMapping(f, nil, win32.PAGE_READWRITE, 0, 0, "")
			t.OK(err)
			v, err := win32.MapViewOfFile(s, win32.FILE_MAP_WRITE, 0, 0, 0)
			t.OK(err)
			copy(bytes(v, 4096), "atoll")
			t.OK(win32.UnmapViewOfFile(v))
			t.Close(s)
			t.Same("atoll", string(read(t, f, 5)))
		},
	},
	{
		id: "C185", says: "COPY view write → page VirtualQuery PAGE_READWRITE, next page PAGE_WRITECOPY", source: "test_mapping (W†)",
		gap: gaps{onWine: "Wine does not tell copied pages from others (W†)"},
		check: func(t *T) {
			v := t.View(win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE, uint32(2*page)), win32.FILE_MAP_COPY, 0, 0, 0))
			bytes(v, 1)[0] = 7
			t.Same(win32.PAGE_READWRITE, query(t, v).Protect)
			t.Same(page, query(t, v).RegionSize)
			t.Same(win32.PAGE_WRITECOPY, query(t, v+page).Protect)
		},
	},
	{
		id: "C186", says: "COPY view writes never reach the file", source: "test_mappings (W†)(D)",
		check: func(t *T) {
			f := open(t, tempFile(t, 4096), win32.GENERIC_READ)
			s := t.Fresh(win32.CreateFileMapping(f, nil, win32.PAGE_WRITECOPY, 0, 0, ""))
			v, err := win32.MapViewOfFile(s, win32.FILE_MAP_COPY, 0, 0, 0)
			t.OK(err)
			copy(bytes(v, 4096), "atoll")
			t.OK(win32.FlushViewOfFile(v, 0))
			t.OK(win32.UnmapViewOfFile(v))
			t.Same("\x00\x00\x00\x00\x00", string(read(t, f, 5)))
		},
	},
	{
		id: "C188", says: "write to READ view → access violation 0xC0000005", source: "sdk (D)",
		check: func(t *T) {
			v := t.View(win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE, 4096), win32.FILE_MAP_READ, 0, 0, 0))
			t.Faults(v+9, func() { bytes(v, 4096)[9] = 7 })
			t.Same(0, bytes(v, 4096)[9])
		},
	},
	{
		id: "C189", says: "unmap base+100 → TRUE, whole view gone", source: "test_MapViewOfFile (W≠D)",
		check: func(t *T) { unmapInside(t, 100) },
	},
	{
		id: "C190", says: "unmap base+4096 → TRUE", source: "test_MapViewOfFile (W≠D)",
		check: func(t *T) { unmapInside(t, 4096) },
	},
	{
		id: "C192", says: "unmap VirtualAlloc address → FALSE, 487", source: "test_MapViewOfFile (W)",
		check: func(t *T) {
			a := allocated(t)
			t.Err(win32.ERROR_INVALID_ADDRESS, win32.UnmapViewOfFile(a))
		},
	},
	{
		id: "C193", says: "unmap (VirtualAlloc address)+0x3000 → FALSE, 487", source: "test_MapViewOfFile (W)",
		check: func(t *T) {
			a := allocated(t)
			t.Err(win32.ERROR_INVALID_ADDRESS, win32.UnmapViewOfFile(a+0x3000))
		},
	},
	{
		id: "C194", says: "unmap 0xdeadbeef → FALSE, 487", source: "test_MapViewOfFile (W)",
		check: func(t *T) { t.Err(win32.ERROR_INVALID_ADDRESS, win32.UnmapViewOfFile(0xdeadbeef)) },
	},
	{
		id: "C196", says: "close mapping handle with view open → TRUE; view still readable/writable", source: "test_MapViewOfFile (W)(D)",
		check: func(t *T) {
			s, err := win32.CreateFileMapping(win32.INVALID_HANDLE_VALUE, nil, win32.PAGE_READWRITE, 0, 4096, t.Name())
			t.OK(err)
			v := t.View(win32.MapViewOfFile(s, win32.FILE_MAP_WRITE, 0, 0, 0))
			bytes(v, 2)[0] = 7
			t.Close(s)
			bytes(v, 2)[1] = bytes(v, 2)[0]
			t.Same(7, bytes(v, 2)[1])
		},
	},
	{
		id: "C197", says: "close handle, then unmap; or unmap, then close → both orders fine", source: "sdk:createfilemappingw (D)",
		check: func(t *T) {
			for _, first := range []string{"handle", "view"} {
				s, err := win32.CreateFileMapping(win32.INVALID_HANDLE_VALUE, nil, win32.PAGE_READWRITE, 0, 4096, "")
				t.OK(err)
				v, err := win32.MapViewOfFile(s, win32.FILE_MAP_WRITE, 0, 0, 0)
				t.OK(err)
				if first == "handle" {
					t.Close(s)
					t.OK(win32.UnmapViewOfFile(v))
				} else {
					t.OK(win32.UnmapViewOfFile(v))
					t.Close(s)
				}
				t.Unmapped(v)
			}
		},
	},
	{
		id: "C198", says: "FlushViewOfFile(paging-file view) → TRUE", source: "WI:kernelbase/memory.c (I)",
		check: func(t *T) {
			v := t.View(win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE, 4096), win32.FILE_MAP_WRITE, 0, 0, 0))
			t.OK(win32.FlushViewOfFile(v, 0))
		},
	},
	{
		id: "C200", says: "FlushViewOfFile(base+5, 1) → TRUE", source: "sdk (D)",
		check: func(t *T) {
			f := open(t, tempFile(t, 4096), win32.GENERIC_READ|win32.GENERIC_WRITE)
			s := t.Fresh(win32.CreateFileMapping(f, nil, win32.PAGE_READWRITE, 0, 0, ""))
			v := t.View(win32.MapViewOfFile(s, win32.FILE_MAP_WRITE, 0, 0, 0))
			bytes(v, 4096)[5] = 7
			t.OK(win32.FlushViewOfFile(v+5, 1))
		},
	},
	{
		id: "C201", says: "FlushViewOfFile(unmapped address) → FALSE, 487", source: "2.12 (inf)",
		gap: gaps{onWine: "Wine says 87 (the number is inferred)"},
		check: func(t *T) {
			v, err := win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE, 4096), win32.FILE_MAP_WRITE, 0, 0, 0)
			t.OK(err)
			t.OK(win32.UnmapViewOfFile(v))
			t.Err(win32.ERROR_INVALID_ADDRESS, win32.FlushViewOfFile(v, 0))
		},
	},
	{
		id: "C202", says: "SEC_RESERVE view → VirtualQuery MEM_RESERVE, Protect 0", source: "test_MapViewOfFile (W)",
		check: func(t *T) {
			v := t.View(win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE|win32.SEC_RESERVE, 4096), win32.FILE_MAP_WRITE, 0, 0, 0))
			i := query(t, v)
			t.Same(win32.MEM_RESERVE, i.State)
			t.Same(0, i.Protect)
			t.Same(win32.MEM_MAPPED, i.Type)
			t.Same(win32.PAGE_READWRITE, i.AllocationProtect)
		},
	},
	{
		id: "C204", says: "committed SEC_RESERVE page → VirtualFree(DECOMMIT) → FALSE, 87", source: "test_MapViewOfFile (W)(D)",
		check: func(t *T) {
			v := t.View(win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE|win32.SEC_RESERVE, 65536), win32.FILE_MAP_WRITE, 0, 0, 0))
			commit(t, v, 4096, win32.PAGE_READWRITE)
			t.Err(win32.ERROR_INVALID_PARAMETER, win32.VirtualFree(v, 4096, win32.MEM_DECOMMIT))
		},
	},
	{
		id: "C205", says: "SEC_COMMIT view → VirtualAlloc(COMMIT, READONLY) → ok; page becomes PAGE_READONLY", source: "test_MapViewOfFile (W)",
		check: func(t *T) {
			v := t.View(win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE, 65536), win32.FILE_MAP_WRITE, 0, 0, 0))
			commit(t, v, page, win32.PAGE_READONLY)
			t.Same(win32.PAGE_READONLY, query(t, v).Protect)
			t.Same(win32.PAGE_READWRITE, query(t, v+page).Protect)
		},
	},
	{
		id: "C206", says: "file view → VirtualAlloc(COMMIT, any) → NULL, 5", source: "test_mapping (W)",
		check: func(t *T) {
			f := open(t, tempFile(t, 4096), win32.GENERIC_READ|win32.GENERIC_WRITE)
			s := t.Fresh(win32.CreateFileMapping(f, nil, win32.PAGE_READWRITE, 0, 0, ""))
			v := t.View(win32.MapViewOfFile(s, win32.FILE_MAP_WRITE, 0, 0, 0))
			for _, protect := range []uint32{win32.PAGE_NOACCESS, win32.PAGE_READONLY, win32.PAGE_READWRITE} {
				t.NoView(win32.ERROR_ACCESS_DENIED)(win32.VirtualAlloc(v, 4096, win32.MEM_COMMIT, protect))
			}
		},
	},
	{
		id: "C208", says: "READ view → VirtualProtect(WRITECOPY) → TRUE", source: "test_CreateFileMapping_protection (W)",
		check: func(t *T) {
			v := t.View(win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE, uint32(2*page)), win32.FILE_MAP_READ, 0, 0, 0))
			var old uint32
			t.OK(win32.VirtualProtect(v, page, win32.PAGE_WRITECOPY, &old))
			t.Same(win32.PAGE_READONLY, old)
			t.Same(win32.PAGE_WRITECOPY, query(t, v).Protect)
			bytes(v, 1)[0] = 7
			t.Same(win32.PAGE_READONLY, query(t, v+page).Protect)
		},
	},
	{
		id: "C209", says: "WRITE view → VirtualProtect(NOACCESS) → TRUE, old PAGE_READWRITE; back → TRUE", source: "test_CreateFileMapping_protection (W)",
		check: func(t *T) {
			v := t.View(win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE, 4096), win32.FILE_MAP_WRITE, 0, 0, 0))
			var old uint32
			t.OK(win32.VirtualProtect(v, 4096, win32.PAGE_NOACCESS, &old))
			t.Same(win32.PAGE_READWRITE, old)
			t.Same(win32.PAGE_NOACCESS, query(t, v).Protect)
			t.OK(win32.VirtualProtect(v, 4096, win32.PAGE_READWRITE, &old))
			t.Same(win32.PAGE_NOACCESS, old)
			bytes(v, 1)[0] = 7
		},
	},
	{
		id: "C210", says: "view → VirtualProtect(0 or READWRITE|EXECUTE_WRITECOPY) → FALSE, 87", source: "test_VirtualAlloc, test_mapping (W)",
		check: func(t *T) {
			v := t.View(win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE, 4096), win32.FILE_MAP_WRITE, 0, 0, 0))
			var old uint32
			for _, protect := range []uint32{0, win32.PAGE_READWRITE | win32.PAGE_EXECUTE_WRITECOPY} {
				t.Err(win32.ERROR_INVALID_PARAMETER, win32.VirtualProtect(v, 4096, protect, &old))
			}
			t.Same(win32.PAGE_READWRITE, query(t, v).Protect)
		},
	},
	{
		id: "C212", says: "PrefetchVirtualMemory(unaligned or unmapped range) → TRUE", source: "test_VirtualAlloc, test_mapping (W)",
		check: func(t *T) {
			v := t.View(win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE, 8192), win32.FILE_MAP_WRITE, 0, 0, 0))
			for _, r := range []win32.MemoryRangeEntry{{VirtualAddress: v + 5, NumberOfBytes: 4096}, {VirtualAddress: freeAddress(t, 65536), NumberOfBytes: 4096}} {
				t.OK(win32.PrefetchVirtualMemory(win32.GetCurrentProcess(), []win32.MemoryRangeEntry{r}, 0))
			}
		},
	},
	{
		id: "C213", says: "VirtualLock twice, VirtualUnlock once → unlocked", source: "sdk:virtuallock (D)",
		gap: gaps{onWine: "Wine does not know which pages are locked"},
		check: func(t *T) {
			v := t.View(win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE, 4096), win32.FILE_MAP_WRITE, 0, 0, 0))
			t.OK(win32.VirtualLock(v, 4096))
			t.OK(win32.VirtualLock(v, 4096))
			t.OK(win32.VirtualUnlock(v, 4096))
			t.Err(win32.ERROR_NOT_LOCKED, win32.VirtualUnlock(v, 4096))
		},
	},
	{
		id: "C226", says: "file of 6 bytes mapped READ, length 0 → byte 6 of the view reads 0", source: "Test_Truncate (RT)",
		check: func(t *T) {
			path := tempFile(t, 0)
			write(t, path, "atoll!")
			f := open(t, path, win32.GENERIC_READ)
			s := t.Fresh(win32.CreateFileMapping(f, nil, win32.PAGE_READONLY, 0, 0, ""))
			v := t.View(win32.MapViewOfFile(s, win32.FILE_MAP_READ, 0, 0, 0))
			t.Same("atoll!\x00", string(bytes(v, 7)))
			t.Same(0, bytes(v, 4096)[4095])
		},
	},
	{
		id: "C228", says: "SEC_RESERVE section of 8 GiB → success; view length 0 → 8 GiB", source: "RT:NtMapViewOfSection Test_PageFileSection (RT)",
		check: func(t *T) {
			s := t.Fresh(win32.CreateFileMapping(win32.INVALID_HANDLE_VALUE, nil, win32.PAGE_READWRITE|win32.SEC_RESERVE, 2, 0, ""))
			v := t.View(win32.MapViewOfFile(s, win32.FILE_MAP_WRITE, 0, 0, 0))
			t.Same(uint64(8<<30), query(t, v).RegionSize)
		},
	},
	{
		id: "C229", says: "SEC_RESERVE section of 128 TiB → NULL, 8", source: "RT:NtMapViewOfSection Test_PageFileSection (RT)",
		check: func(t *T) {
			h, err := win32.CreateFileMapping(win32.INVALID_HANDLE_VALUE, nil, win32.PAGE_READWRITE|win32.SEC_RESERVE, 1<<15, 0, "")
			t.Refused(win32.ERROR_NOT_ENOUGH_MEMORY, h, err)
		},
	},
	{
		id: "C230", says: "VirtualAlloc(COMMIT) past the end of a view → NULL, 487", source: "RT:NtMapViewOfSection Test_PageFileSection (RT)",
		check: func(t *T) {
			v := t.View(win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE|win32.SEC_RESERVE, uint32(2*page)), win32.FILE_MAP_WRITE, 0, 0, 0))
			t.NoView(win32.ERROR_INVALID_ADDRESS)(win32.VirtualAlloc(v, 3*page, win32.MEM_COMMIT, win32.PAGE_READWRITE))
		},
	},
	{
		id: "C232", says: "view of 8 KiB → VirtualAlloc(RESERVE) at base+0x2000 fails; at base+0x10000 succeeds", source: "RT:NtMapViewOfSection Test_PageFileSection (RT)",
		check: func(t *T) {
			s := memory(t, win32.PAGE_READWRITE, 8192)
			v := viewAtFree(t, s)
			t.NoView(win32.ERROR_INVALID_ADDRESS)(win32.VirtualAlloc(v+0x2000, 4096, win32.MEM_RESERVE, win32.PAGE_READWRITE))
			a, err := win32.VirtualAlloc(v+0x10000, 4096, win32.MEM_RESERVE, win32.PAGE_READWRITE)
			t.OK(err)
			t.Same(v+0x10000, a)
			t.OK(win32.VirtualFree(a, 0, win32.MEM_RELEASE))
		},
	},
	{
		id: "C233", says: "MapViewOfFile length SIZE_MAX → NULL, 87", source: "RT:NtMapViewOfSection (RT)",
		gap: gaps{onWine: "Wine says 5"},
		check: func(t *T) {
			t.NoView(win32.ERROR_INVALID_PARAMETER)(win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE, 4096), win32.FILE_MAP_READ, 0, 0, ^uintptr(0)))
		},
	},
}

// viewWriter maps a view of a section, as is said, and writes into it.
var viewWriter = newRole("view writer", func(t *T, p *Parent) {
	access, err := strconv.ParseUint(p.Arg(1), 10, 32)
	t.OK(err)
	s := t.Handle(win32.OpenFileMapping(uint32(access), false, p.Arg(0)))
	v := t.View(win32.MapViewOfFile(s, uint32(access), 0, 0, 0))
	bytes(v, 1)[0] = 7
	p.Say("written", bytes(v, 1)[0])
})

// View unmaps a view when the line ends, and fails it if there is none.
func (t *T) View(address uintptr, err error) uintptr {
	if err != nil || address == 0 {
		t.Fatalf("view %#x, %v", address, err)
	}
	t.Cleanup(func() { _ = win32.UnmapViewOfFile(address) })
	return address
}

// NoView demands that no address came, and why.
func (t *T) NoView(want win32.Errno) func(address uintptr, err error) {
	return func(address uintptr, err error) {
		if address != 0 {
			t.Errorf("address %#x, %v, want error %d", address, err, want)
			return
		}
		t.Err(want, err)
	}
}

// Unmapped demands that no view is at an address. Go's runtime may have taken it since,
// on Windows, for a stack.
func (t *T) Unmapped(address uintptr) {
	if q := query(t, address); q.State != win32.MEM_FREE && q.Type != win32.MEM_PRIVATE {
		t.Errorf("there is still a page: state %#x, type %#x", q.State, q.Type)
	}
}

// Same demands that two values look the same.
func (t *T) Same(want, got any) {
	if fmt.Sprint(want) != fmt.Sprint(got) {
		t.Errorf("got %#x, want %#x", got, want)
	}
}

// Faults demands that f cannot access an address.
func (t *T) Faults(address uintptr, f func()) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		fault, is := recover().(interface{ Addr() uintptr })
		if !is {
			t.Errorf("no fault")
		} else if fault.Addr() != address {
			t.Errorf("a fault at %#x, want it at %#x", fault.Addr(), address)
		}
	}()
	f()
}

// bytes are those at an address.
func bytes(address, n uintptr) []byte {
	return win32.Bytes(address, n)
}

var loaded byte

// load reads a byte.
func load(address uintptr) byte {
	loaded = bytes(address, 1)[0]
	return loaded
}

// page is Windows' 4096 bytes, or more where the processor's are larger.
var page = uintptr(os.Getpagesize())

// query tells about pages.
func query(t *T, address uintptr) (i win32.MemoryBasicInformation) {
	t.OK(win32.VirtualQuery(address, &i, unsafe.Sizeof(i)))
	return i
}

// opened opens a new section of memory that can be read and written.
func opened(t *T, access uint32) win32.Handle {
	n := t.Name()
	t.Fresh(win32.CreateFileMapping(win32.INVALID_HANDLE_VALUE, nil, win32.PAGE_READWRITE, 0, 4096, n))
	return t.Handle(win32.OpenFileMapping(access, false, n))
}

// duplicate duplicates a handle with an access.
func duplicate(t *T, h win32.Handle, access uint32) (copied win32.Handle) {
	self := win32.GetCurrentProcess()
	t.OK(win32.DuplicateHandle(self, h, self, &copied, access, false, 0))
	return t.Handle(copied, nil)
}

// freeAddress is where nothing lies just now.
func freeAddress(t *T, size uintptr) uintptr {
	a, err := win32.VirtualAlloc(0, size, win32.MEM_RESERVE, win32.PAGE_NOACCESS)
	t.OK(err)
	t.OK(win32.VirtualFree(a, 0, win32.MEM_RELEASE))
	return a
}

// viewAtFree maps a view at an address that was free a moment ago, with 1 MiB behind it.
// Others in the process may take it meanwhile; then there is another one.
func viewAtFree(t *T, s win32.Handle) uintptr {
	for range 50 {
		base := freeAddress(t, 1<<20)
		v, err := win32.MapViewOfFileEx(s, win32.FILE_MAP_WRITE, 0, 0, 0, base)
		if err == win32.ERROR_INVALID_ADDRESS {
			continue
		}
		t.Same(base, t.View(v, err))
		return v
	}
	t.Fatalf("no address stays free")
	return 0
}

// allocated is memory of VirtualAlloc, 64 KiB of it.
func allocated(t *T) uintptr {
	a, err := win32.VirtualAlloc(0, 65536, win32.MEM_RESERVE|win32.MEM_COMMIT, win32.PAGE_READWRITE)
	t.OK(err)
	t.Cleanup(func() { _ = win32.VirtualFree(a, 0, win32.MEM_RELEASE) })
	return a
}

// commit commits pages.
func commit(t *T, address, size uintptr, protect uint32) {
	a, err := win32.VirtualAlloc(address, size, win32.MEM_COMMIT, protect)
	t.OK(err)
	t.Same(address, a)
}

// unmapInside unmaps a view by an address inside it.
func unmapInside(t *T, offset uintptr) {
	v, err := win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE, 8192), win32.FILE_MAP_WRITE, 0, 0, 0)
	t.OK(err)
	t.OK(win32.UnmapViewOfFile(v + offset))
	t.Unmapped(v)
	t.Unmapped(v + 4096)
	t.Err(win32.ERROR_INVALID_ADDRESS, win32.UnmapViewOfFile(v))
}

// read reads from the beginning of a file.
func read(t *T, f win32.Handle, n int) []byte {
	b := make([]byte, n)
	var done uint32
	t.OK(win32.SetFilePointerEx(f, 0, nil, win32.FILE_BEGIN))
	t.OK(win32.ReadFile(f, b, &done, nil))
	return b[:done]
}

// write writes a file's content.
func write(t *T, path, text string) { t.OK(os.WriteFile(path, []byte(text), 0o777)) }
