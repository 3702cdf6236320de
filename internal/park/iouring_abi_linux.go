//go:build linux

package park

// What <linux/io_uring.h> says, of which x/sys has only the system calls. The
// names are the kernel's; the structures are the same on all processors.

// ioSqringOffsets is struct io_sqring_offsets.
type ioSqringOffsets struct {
	head        uint32
	tail        uint32
	ringMask    uint32
	ringEntries uint32
	flags       uint32
	dropped     uint32
	array       uint32
	resv1       uint32
	userAddr    uint64
}

// ioCqringOffsets is struct io_cqring_offsets.
type ioCqringOffsets struct {
	head        uint32
	tail        uint32
	ringMask    uint32
	ringEntries uint32
	overflow    uint32
	cqes        uint32
	flags       uint32
	resv1       uint32
	userAddr    uint64
}

// ioUringParams is struct io_uring_params.
type ioUringParams struct {
	sqEntries    uint32
	cqEntries    uint32
	flags        uint32
	sqThreadCPU  uint32
	sqThreadIdle uint32
	features     uint32
	wqFd         uint32
	resv         [3]uint32
	sqOff        ioSqringOffsets
	cqOff        ioCqringOffsets
}

// ioUringSqe is struct io_uring_sqe, with the names that a futex wait gives to
// its fields.
type ioUringSqe struct {
	opcode    uint8
	flags     uint8
	ioprio    uint16
	fd        int32  // FUTEX2_ flags
	addr2     uint64 // the value expected
	addr      uint64 // the word, or the user_data to be cancelled
	len       uint32
	opFlags   uint32 // futex_flags, cancel_flags
	userData  uint64
	bufIndex  uint16
	personal  uint16
	fileIndex uint32
	addr3     uint64 // the bits of a wake that count
	pad2      uint64
}

// ioUringCqe is struct io_uring_cqe.
type ioUringCqe struct {
	userData uint64
	res      int32
	flags    uint32
}

// ioUringRsrcUpdate is struct io_uring_rsrc_update.
type ioUringRsrcUpdate struct {
	offset uint32
	resv   uint32
	data   uint64
}

const (
	ioringOpAsyncCancel = 14
	ioringOpFutexWait   = 51

	ioringSetupCqsize       = 1 << 3
	ioringSetupClamp        = 1 << 4
	ioringSetupSubmitAll    = 1 << 7
	ioringSetupSingleIssuer = 1 << 12

	ioringFeatSingleMmap = 1 << 0
	ioringFeatNodrop     = 1 << 1

	ioringEnterGetevents      = 1 << 0
	ioringEnterRegisteredRing = 1 << 4

	ioringSqCqOverflow      = 1 << 1
	ioringCqEventfdDisabled = 1 << 0

	ioringRegisterEventfd           = 4
	ioringRegisterRingFds           = 20
	ioringUnregisterRingFds         = 21
	ioringRegisterUseRegisteredRing = 1 << 31

	ioringOffSqRing = 0
	ioringOffSqes   = 0x10000000

	futexWaitOp = 0
	futexWakeOp = 1

	futex2SizeU32 = 2
	futex2Private = 128

	futexBitsetMatchAny = 0xffffffff
)
