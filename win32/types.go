package win32

// Handle stands for an object in this process. Its values are multiples of four; the
// low two bits are ignored.
type Handle uintptr

// NullName stands for a name that is the NULL pointer. A Create then makes an object
// without a name, as for "", and an Open fails with [ERROR_INVALID_PARAMETER]
// ("" gives [ERROR_INVALID_HANDLE]).
const NullName = "\x00NULL"

// SecurityAttributes say who may do what with a new object, and whether children
// inherit the new handle.
type SecurityAttributes struct {
	Length             uint32
	SecurityDescriptor *SecurityDescriptor
	InheritHandle      uint32
}

// SECURITY_DESCRIPTOR is the name that golang.org/x/sys/windows has for it.
type SECURITY_DESCRIPTOR = SecurityDescriptor

// TimerAPCRoutine is a completion routine of a timer; see [NewTimerAPCRoutine].
type TimerAPCRoutine uintptr

// APCProc is a function that can be queued to a thread; see [NewAPCProc].
type APCProc uintptr

// ReasonContext says why a timer may wake the machine.
type ReasonContext struct {
	Version            uint32
	Flags              uint32
	SimpleReasonString *uint16
	_                  [2]uintptr // other reasons have more
}

// Overlapped says where in a file to read or write.
type Overlapped struct {
	Internal     uintptr
	InternalHigh uintptr
	Offset       uint32
	OffsetHigh   uint32
	HEvent       Handle
}

// MemoryBasicInformation is what [VirtualQuery] tells of pages.
type MemoryBasicInformation struct {
	BaseAddress       uintptr
	AllocationBase    uintptr
	AllocationProtect uint32
	PartitionId       uint16
	RegionSize        uintptr
	State             uint32
	Protect           uint32
	Type              uint32
}

// MemoryRangeEntry is a range of [PrefetchVirtualMemory].
type MemoryRangeEntry struct {
	VirtualAddress uintptr
	NumberOfBytes  uintptr
}

// FILE_DISPOSITION_INFO is what [SetFileInformationByHandle] takes for class
// [FileDispositionInfo].
type FILE_DISPOSITION_INFO struct{ DeleteFile byte }

// FILE_ALLOCATION_INFO is what [SetFileInformationByHandle] takes for class
// [FileAllocationInfo].
type FILE_ALLOCATION_INFO struct{ AllocationSize int64 }

// FILE_END_OF_FILE_INFO is what [SetFileInformationByHandle] takes for class
// [FileEndOfFileInfo].
type FILE_END_OF_FILE_INFO struct{ EndOfFile int64 }

// StartupInfo is what a new process is given. Cb is the size of the struct.
type StartupInfo struct {
	Cb            uint32
	_             *uint16
	Desktop       *uint16
	Title         *uint16
	X             uint32
	Y             uint32
	XSize         uint32
	YSize         uint32
	XCountChars   uint32
	YCountChars   uint32
	FillAttribute uint32
	Flags         uint32
	ShowWindow    uint16
	_             uint16
	_             *byte
	StdInput      Handle
	StdOutput     Handle
	StdErr        Handle
}

// StartupInfoEx is a StartupInfo with attributes; [CreateProcess] is given its
// StartupInfo and the flag [EXTENDED_STARTUPINFO_PRESENT].
type StartupInfoEx struct {
	StartupInfo
	ProcThreadAttributeList *ProcThreadAttributeList
}

// ProcessInformation is what [CreateProcess] gives. Both handles must be closed.
type ProcessInformation struct {
	Process   Handle
	Thread    Handle
	ProcessId uint32
	ThreadId  uint32
}

// OBJECT_BASIC_INFORMATION is what [NtQueryObject] tells for class
// [ObjectBasicInformation].
type OBJECT_BASIC_INFORMATION struct {
	Attributes               uint32
	GrantedAccess            uint32
	HandleCount              uint32
	PointerCount             uint32
	PagedPoolUsage           uint32
	NonPagedPoolUsage        uint32
	Reserved                 [3]uint32
	NameInformationLength    uint32
	TypeInformationLength    uint32
	SecurityDescriptorLength uint32
	CreateTime               int64
}

// IO_COUNTERS count what processes read and wrote.
type IO_COUNTERS struct {
	ReadOperationCount  uint64
	WriteOperationCount uint64
	OtherOperationCount uint64
	ReadTransferCount   uint64
	WriteTransferCount  uint64
	OtherTransferCount  uint64
}

// JOBOBJECT_BASIC_LIMIT_INFORMATION is of class [JobObjectBasicLimitInformation].
type JOBOBJECT_BASIC_LIMIT_INFORMATION struct {
	PerProcessUserTimeLimit int64
	PerJobUserTimeLimit     int64
	LimitFlags              uint32
	MinimumWorkingSetSize   uintptr
	MaximumWorkingSetSize   uintptr
	ActiveProcessLimit      uint32
	Affinity                uintptr
	PriorityClass           uint32
	SchedulingClass         uint32
}

// JOBOBJECT_EXTENDED_LIMIT_INFORMATION is of class
// [JobObjectExtendedLimitInformation].
type JOBOBJECT_EXTENDED_LIMIT_INFORMATION struct {
	BasicLimitInformation JOBOBJECT_BASIC_LIMIT_INFORMATION
	IoInfo                IO_COUNTERS
	ProcessMemoryLimit    uintptr
	JobMemoryLimit        uintptr
	PeakProcessMemoryUsed uintptr
	PeakJobMemoryUsed     uintptr
}

// JOBOBJECT_BASIC_ACCOUNTING_INFORMATION is of class
// [JobObjectBasicAccountingInformation]. Times count 100 ns.
type JOBOBJECT_BASIC_ACCOUNTING_INFORMATION struct {
	TotalUserTime             int64
	TotalKernelTime           int64
	ThisPeriodTotalUserTime   int64
	ThisPeriodTotalKernelTime int64
	TotalPageFaultCount       uint32
	TotalProcesses            uint32
	ActiveProcesses           uint32
	TotalTerminatedProcesses  uint32
}

// JOBOBJECT_BASIC_AND_IO_ACCOUNTING_INFORMATION is of class
// [JobObjectBasicAndIoAccountingInformation].
type JOBOBJECT_BASIC_AND_IO_ACCOUNTING_INFORMATION struct {
	BasicInfo JOBOBJECT_BASIC_ACCOUNTING_INFORMATION
	IoInfo    IO_COUNTERS
}

// JOBOBJECT_BASIC_PROCESS_ID_LIST is of class [JobObjectBasicProcessIdList]. The
// list goes on behind the struct.
type JOBOBJECT_BASIC_PROCESS_ID_LIST struct {
	NumberOfAssignedProcesses uint32
	NumberOfProcessIdsInList  uint32
	ProcessIdList             [1]uintptr
}

// JOBOBJECT_BASIC_UI_RESTRICTIONS is of class [JobObjectBasicUIRestrictions].
type JOBOBJECT_BASIC_UI_RESTRICTIONS struct{ UIRestrictionsClass uint32 }

// JOBOBJECT_END_OF_JOB_TIME_INFORMATION is of class
// [JobObjectEndOfJobTimeInformation].
type JOBOBJECT_END_OF_JOB_TIME_INFORMATION struct{ EndOfJobTimeAction uint32 }

// JOBOBJECT_ASSOCIATE_COMPLETION_PORT is of class
// [JobObjectAssociateCompletionPortInformation].
type JOBOBJECT_ASSOCIATE_COMPLETION_PORT struct {
	CompletionKey  uintptr
	CompletionPort Handle
}

// JOBOBJECT_CPU_RATE_CONTROL_INFORMATION is of class
// [JobObjectCpuRateControlInformation]. Value is the rate, in hundredths of a
// percent, the weight, or both MinRate and MaxRate.
type JOBOBJECT_CPU_RATE_CONTROL_INFORMATION struct {
	ControlFlags uint32
	Value        uint32
}
