package atoll

import (
	"context"
	"io/fs"
	"iter"
	"math"
	"os/exec"
	"time"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/layout"
)

// Job is a handle of a job: a group of processes that can be limited, accounted,
// waited for and ended together. What its members start belongs to it as well,
// whatever session they move to and however often they fork. It is safe for use by
// many goroutines.
//
// On Linux a job is a control group (cgroup version 2) where this process may make
// one, else its processes are kept together by guardians: this program itself, which
// package init starts in that role. docs/PLATFORMS.md says which limit works how, and
// what differs.
//
// A job is signaled when it was terminated, or its time was over; not when its last
// process has ended: that is WaitEmpty.
//
// Source: https://learn.microsoft.com/windows/win32/procthread/job-objects
type Job struct {
	identity
	kernel *kernelJob
}

// JobLimits limit a job; zero values are no limits. Those "of each process" hold for
// what a process does from the moment when it comes into the job, and are inherited;
// only root can lift them.
type JobLimits struct {
	// Processes is how many there can be at a time. Start and Assign fail where there
	// would be more. What members start themselves is ended a moment later; of several
	// the youngest.
	Processes int `json:"processes,omitempty"`
	// Memory is how many bytes all processes together can have. Where there is more
	// the kernel, or a watch that looks a hundred times a second, ends one of them.
	Memory int64 `json:"memory,omitempty"`
	// ProcessMemory is how many bytes of its own each process can have: allocating
	// more fails.
	ProcessMemory int64 `json:"processMemory,omitempty"`
	// CPUTime is how long all processors together may work for the job from now on;
	// then its processes are ended and it is signaled, or, with CPUTimeNotify, that is
	// only told to who watches. Setting the same time again goes on with what is left.
	CPUTime       time.Duration `json:"cpuTimeNanoseconds,omitempty"`
	CPUTimeNotify bool          `json:"cpuTimeNotify,omitempty"`
	// ProcessCPUTime is how long they may work for each process, which is ended then;
	// in seconds, rounded up.
	ProcessCPUTime time.Duration `json:"processCPUTimeNanoseconds,omitempty"`
	// CPURate is how much of the time of one processor they may take: 0.5 is half of
	// one, 2 all of two. The least is 0.01.
	CPURate float64 `json:"cpuRate,omitempty"`
	// Processors are the numbers of those that may be used, from 0. One of them must
	// be there.
	Processors []int `json:"processors,omitempty"`
	// Nice is the niceness of each process, from -20 to 19; nil leaves it as it is.
	Nice *int `json:"nice,omitempty"`
	// DieOnUnhandled: a process that is ended by a fault leaves no core image and
	// starts no handler of such images.
	DieOnUnhandled bool `json:"dieOnUnhandled,omitempty"`
}

// JobOptions say how to create a job; they are ignored when an existing one is
// opened.
type JobOptions struct {
	Limits JobLimits
	// KillOnClose: when the last handle is closed, or the last process that had one
	// has ended, however that came about, the job's processes are ended.
	KillOnClose bool
	// Breakaway: members may start processes outside the job, by StartOutside.
	Breakaway bool
	// Access asked for; 0 is Wait and Modify.
	Access Access
	// Security of a new object; nil is the creator alone.
	Security *Security
}

// JobStats are what is known of a job's processes.
type JobStats struct {
	User              time.Duration `json:"userNanoseconds"` // time of processors; where it is not known which, it is here
	System            time.Duration `json:"systemNanoseconds"`
	Faults            uint64        `json:"faults"`            // of pages
	Memory            uint64        `json:"memory"`            // bytes, now
	PeakMemory        uint64        `json:"peakMemory"`        // bytes, of all together
	PeakProcessMemory uint64        `json:"peakProcessMemory"` // bytes, of one of those that are there
	Processes         int           `json:"processes"`         // now
	Total             uint64        `json:"total"`             // that Start and Assign brought in; what members start is not counted
	Terminated        uint64        `json:"terminated"`        // that Terminate ended
	OverProcesses     uint64        `json:"overProcesses"`     // ended because there were too many
	OverMemory        uint64        `json:"overMemory"`        // ended for want of memory
	ReadBytes         uint64        `json:"readBytes"`         // of disks
	WrittenBytes      uint64        `json:"writtenBytes"`
	Reads             uint64        `json:"reads"`
	Writes            uint64        `json:"writes"`
	// Missing names what counts only the processes that are there now, because nobody
	// here has counted those that have ended: "faults", "peak memory", "io".
	Missing []string `json:"missing,omitempty"`
	// Mechanism is "cgroup", or "tree" where guardians keep the processes together; ""
	// before the first process.
	Mechanism string `json:"mechanism"`
	// Controllers are those of the control group that count.
	Controllers []string `json:"controllers,omitempty"`
}

// JobEventKind says what happened in a job.
type JobEventKind uint8

// The kinds of events.
const (
	JobProcessStarted JobEventKind = 1 + iota // a process came into the job
	JobProcessEnded                           // a process is gone
	JobEmpty                                  // the last one is gone
	JobProcessLimit                           // there were more processes than may be
	JobMemoryLimit                            // there was more memory than may be
	JobTimeLimit                              // the job's time is over
	JobTerminated                             // the job was terminated
)

var jobEventNames = [...]string{"unknown", "started", "ended", "empty", "process limit", "memory limit", "time limit", "terminated"}

// String is the kind in words, such as "started".
func (k JobEventKind) String() string {
	if int(k) < len(jobEventNames) {
		return jobEventNames[k]
	}
	return jobEventNames[0]
}

// MarshalText writes the kind as String does, for encoding/json.
func (k JobEventKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// JobEvent is something that happened in a job.
type JobEvent struct {
	Kind JobEventKind `json:"event"`
	PID  int          `json:"pid,omitempty"` // JobProcessStarted, JobProcessEnded
}

// CreateJob creates a job under a name that is free, without processes and not
// signaled.
//
// # Errors
//
// As CreateMutex. fs.ErrInvalid: limits that mean nothing. errors.ErrUnsupported: a
// limit that cannot be enforced here; the text says what is missing.
//
// Source: https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-createjobobjecta
func CreateJob(name string, o JobOptions) (*Job, error) {
	j, _, err := newJob("create", name, mustCreate, o)
	return j, err
}

// OpenJob opens an existing job. access 0 asks for Wait and Modify.
//
// # Errors
//
// As OpenMutex.
//
// Source: https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-openjobobjecta
func OpenJob(name string, access Access) (*Job, error) {
	j, _, err := newJob("open", name, mustOpen, JobOptions{Access: access})
	return j, err
}

// CreateOrOpenJob opens the job if it exists and creates it otherwise, in one step
// for all processes that try at the same time.
//
// # Errors
//
// As CreateJob, but for fs.ErrExist.
func CreateOrOpenJob(name string, o JobOptions) (j *Job, created bool, err error) {
	return newJob("create", name, createOrOpen, o)
}

func newJob(op, name string, i intent, o JobOptions) (*Job, bool, error) {
	limits, err := o.Limits.kernel()
	if err != nil && i != mustOpen {
		return nil, false, fail(op, TypeJob, name, err)
	}
	var flags layout.Flags
	if o.KillOnClose {
		flags |= layout.FlagKillOnClose
	}
	if o.Breakaway {
		flags |= layout.FlagBreakaway
	}
	k, created, err := openJob(name, i, request(access.Job, o.Access, o.Security), flags, limits)
	if err != nil {
		return nil, false, fail(op, TypeJob, name, err)
	}
	return wrapJob(name, k), created, nil
}

func wrapJob(name string, k *kernelJob) *Job {
	j := &Job{identity: identity{name: name, typ: TypeJob}, kernel: k}
	track(j, &j.identity)
	return j
}

// kernel is the limits as the kernel's row has them.
func (l *JobLimits) kernel() (k layout.JobLimits, err error) {
	if l.Processes < 0 || l.Processes > math.MaxInt32 {
		return k, errs.New(fs.ErrInvalid, "a job can be limited to 1 to %d processes, not to %d; 0 is no limit", math.MaxInt32, l.Processes)
	}
	const one = 10000
	if l.CPURate < 0 || l.CPURate > math.MaxInt32/one || l.CPURate != l.CPURate {
		return k, errs.New(fs.ErrInvalid, "a CPU rate of %v is none; 1 is all of one processor", l.CPURate)
	}
	k = layout.JobLimits{
		Processes: uint32(l.Processes), Memory: l.Memory, ProcessMemory: l.ProcessMemory,
		Time: int64(l.CPUTime), ProcessTime: int64(l.ProcessCPUTime), Rate: uint32(math.Ceil(l.CPURate * one)),
	}
	for _, p := range l.Processors {
		if p < 0 || p >= layout.MaxProcessors {
			return k, errs.New(fs.ErrInvalid, "no processor has the number %d", p)
		}
		k.Processors[p/64] |= 1 << (p % 64)
	}
	if l.CPUTimeNotify {
		k.Flags |= layout.JobTimeTell
	}
	if l.DieOnUnhandled {
		k.Flags |= layout.JobNoCore
	}
	if l.Nice != nil {
		if *l.Nice < -20 || *l.Nice > 19 {
			return k, errs.New(fs.ErrInvalid, "a niceness is from -20 to 19, not %d", *l.Nice)
		}
		k.Flags |= layout.JobNice
		k.Nice = int32(*l.Nice)
	}
	return k, nil
}

func jobLimits(k layout.JobLimits) JobLimits {
	l := JobLimits{
		Processes: int(k.Processes), Memory: k.Memory, ProcessMemory: k.ProcessMemory,
		CPUTime: time.Duration(k.Time), CPUTimeNotify: k.Flags&layout.JobTimeTell != 0,
		ProcessCPUTime: time.Duration(k.ProcessTime), CPURate: float64(k.Rate) / 10000,
		DieOnUnhandled: k.Flags&layout.JobNoCore != 0,
	}
	for p := range layout.MaxProcessors {
		if k.Processors[p/64]>>(p%64)&1 != 0 {
			l.Processors = append(l.Processors, p)
		}
	}
	if k.Flags&layout.JobNice != 0 {
		nice := int(k.Nice)
		l.Nice = &nice
	}
	return l
}

// Access returns what this handle may do.
func (j *Job) Access() Access { return accessOf(access.Job, j.kernel.Rights()) }

// Start starts a command that is in the job from its first instruction, and in every
// job that this one is nested in. It takes the place of cmd.Start; cmd.Wait and all
// else is as usual. If this process is in a job itself, this one becomes nested in
// that with its first process.
//
// It blocks until the command runs or cannot be run. Where the job has no control
// group cmd.Process is a stand-in that passes signals on and ends as the command
// does; Processes has the command's own pid.
//
// # Errors
//
// As cmd.Start. fs.ErrPermission (5): this process is in a job, and this one had
// processes that are not in that; or no Modify right. Win32 1816: the job has as many
// processes as it may have, or its time is over. fs.ErrInvalid: cmd was started already, or has a control
// group of its own. errors.ErrUnsupported: a limit of the job cannot be enforced
// here. os.ErrClosed, ErrStuck, ErrCorrupt.
func (j *Job) Start(cmd *exec.Cmd) error {
	_, err := j.kernel.Start(cmd)
	return j.fail("start in", err)
}

// StartOutside starts a command outside the job that this process is in, and outside
// of each job around that, up to the first that does not allow it: see
// JobOptions.Breakaway. In no job it is cmd.Start.
//
// # Errors
//
// As cmd.Start. fs.ErrPermission (5): the job does not allow it.
// errors.ErrUnsupported: the job has no control group.
func StartOutside(cmd *exec.Cmd) error {
	return fail("start outside", TypeJob, "", kernelStartOutside(cmd))
}

// Assign puts a process that runs already into the job, for good. What it has started
// before stays where it is. A process that is in the job already stays so, which is
// no error.
//
// # Errors
//
// fs.ErrNotExist: no process has the pid. fs.ErrPermission (5): it has ended; it is
// in another job, which this one is not nested in; it is another user's; no Modify
// right. Win32 1816: the job has as many processes as it may have, or its time is
// over; the process was ended. errors.ErrUnsupported: the job has no control group. os.ErrClosed, ErrStuck,
// ErrCorrupt.
//
// Source: https://learn.microsoft.com/windows/win32/api/jobapi2/nf-jobapi2-assignprocesstojobobject
func (j *Job) Assign(pid int) error { return j.fail("assign to", j.kernel.Assign(pid)) }

// Processes lists the pids of the job's processes, also of jobs nested in it, the
// oldest first. pids are those of the caller's pid namespace; processes that it does
// not show are missing.
//
// # Errors
//
// fs.ErrPermission (no Query right), os.ErrClosed, ErrCorrupt.
func (j *Job) Processes() ([]int, error) {
	pids, err := j.kernel.Processes()
	return pids, j.fail("look at", err)
}

// Has says whether a process is in the job. One that has ended still is, as long as
// its parent has not waited for it.
//
// # Errors
//
// As Processes; fs.ErrNotExist: no process has the pid.
//
// Source: https://learn.microsoft.com/windows/win32/api/jobapi/nf-jobapi-isprocessinjob
func (j *Job) Has(pid int) (bool, error) {
	in, err := j.kernel.Has(pid)
	return in, j.fail("look at", err)
}

// Terminate ends all processes of the job, and of those nested in it, by SIGKILL, and
// signals it. The job can be used further, and stays signaled. It returns when all of
// them are as good as dead: they run no more code of their own.
//
// Linux has no way to choose the status of a process that is ended so; the code is
// kept for who asks, by Terminated.
//
// # Errors
//
// ErrStuck: another process stopped while it was changing the job. fs.ErrPermission
// (no Modify right), os.ErrClosed, ErrCorrupt.
//
// Source: https://learn.microsoft.com/windows/win32/api/jobapi2/nf-jobapi2-terminatejobobject
func (j *Job) Terminate(code int) error { return j.fail("terminate", j.kernel.Terminate(code)) }

// Terminated is the code of the last Terminate, by whomever; ok is false if there was
// none.
//
// # Errors
//
// As Processes.
func (j *Job) Terminated() (code int, ok bool, err error) {
	code, ok, err = j.kernel.Terminated()
	return code, ok, j.fail("look at", err)
}

// Stats looks at the job's processes, and at those of jobs nested in it.
//
// # Errors
//
// As Processes.
//
// Source: https://learn.microsoft.com/windows/win32/api/winnt/ns-winnt-jobobject_basic_and_io_accounting_information
func (j *Job) Stats() (JobStats, error) {
	s, err := j.kernel.Stats()
	return JobStats(s), j.fail("look at", err)
}

// SetLimits gives the job other limits, for the processes that it has, too. A new
// CPUTime makes a job that is signaled unsignaled.
//
// # Errors
//
// fs.ErrInvalid: they mean nothing. errors.ErrUnsupported: one cannot be enforced
// here; the text says what is missing, and no limit was changed.
// fs.ErrPermission: a niceness that this user may not give; no Modify right.
// os.ErrClosed, ErrStuck, ErrCorrupt.
//
// Source: https://learn.microsoft.com/windows/win32/api/jobapi2/nf-jobapi2-setinformationjobobject
func (j *Job) SetLimits(l JobLimits) error {
	k, err := l.kernel()
	if err == nil {
		err = j.kernel.SetLimits(k)
	}
	return j.fail("limit", err)
}

// Limits are those that hold now.
//
// # Errors
//
// As Processes.
func (j *Job) Limits() (JobLimits, error) {
	k, err := j.kernel.Limits()
	return jobLimits(k), j.fail("look at", err)
}

// Wait waits until the job is signaled: it was terminated, or its CPUTime was over.
// The end of its last process is not that; see WaitEmpty. It returns when released
// (nil), when ctx ends, or when the handle is closed.
//
// What the one who terminated the job did before is seen after Wait.
//
// # Errors
//
// As Event.Wait.
func (j *Job) Wait(ctx context.Context) error { return j.fail("wait", j.kernel.Wait(ctx)) }

// TryWait is Wait without waiting; it says whether the job is signaled.
//
// # Errors
//
// As Wait, but for ctx.
func (j *Job) TryWait() (bool, error) {
	ok, err := j.kernel.TryWait()
	return ok, j.fail("wait", err)
}

// WaitEmpty waits until the job has no process. A job that never had one has none. It
// takes no thread; it returns when ctx ends, or the handle is closed.
//
// # Errors
//
// context.Canceled, context.DeadlineExceeded, os.ErrClosed, fs.ErrPermission (no Query
// right), ErrCorrupt.
func (j *Job) WaitEmpty(ctx context.Context) error {
	return j.fail("wait for the end of", j.kernel.WaitEmpty(ctx))
}

// Events yields what happens in the job, and in those nested in it, until the loop is
// left, ctx ends or the handle is closed, which it says last, as an error. It begins
// with a JobProcessStarted for each process that is there, and what was hit before,
// once each; that much also if ctx has ended already. The job is looked at fifty times a
// second: of a process that lives shorter nothing may be seen. Why processes were ended
// comes before their end, and the end of the last one before JobEmpty.
//
// # Errors
//
// context.Canceled, context.DeadlineExceeded, os.ErrClosed, fs.ErrPermission (no Query
// right), ErrCorrupt.
//
// Source: https://learn.microsoft.com/windows/win32/api/winnt/ns-winnt-jobobject_associate_completion_port
func (j *Job) Events(ctx context.Context) iter.Seq2[JobEvent, error] {
	return func(yield func(JobEvent, error) bool) {
		left := false
		err := j.kernel.Watch(ctx, func(e kernelJobEvent) bool {
			left = !yield(JobEvent{Kind: JobEventKind(e.Kind), PID: e.PID}, nil)
			return !left
		})
		if err != nil && !left {
			yield(JobEvent{}, j.fail("watch", err))
		}
	}
}

// Close closes the handle and ends waits through it with os.ErrClosed; it blocks
// until those calls have ended. The job lives on, without a name, as long as it has
// processes, unless KillOnClose was asked for.
//
// # Errors
//
// os.ErrClosed: it was closed already.
func (j *Job) Close() error {
	j.untrack()
	return j.fail("close", j.kernel.Close())
}
