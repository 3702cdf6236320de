//go:build linux && !(386 || amd64 || arm64 || loong64 || riscv64)

package layout

// What lies in shared memory needs 64-bit atomic operations that hold across
// processes, which arm and the 32-bit mips lack, and little-endian order, which
// ppc64, s390x and half of mips lack. The rest nobody has tried. On all of them
// the build ends here rather than in corrupt memory.
var _ = this_processor_is_refused_see_docs_PLATFORMS_md
