package conformance

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"atoll/win32"
)

func TestJobs(t *testing.T) { run(t, jobs) }

// sitter ends when it is told to.
var sitter = newRole("sitter", func(_ *T, p *Parent) { p.Hear() })

// breeder is a member of jobs that starts others, and looks around.
var breeder = newRole("breeder", func(t *T, p *Parent) {
	for {
		what, flags, _ := strings.Cut(p.Hear(), " ")
		var number32 uint32
		_, _ = fmt.Sscan(flags, &number32)
		switch what {
		case "": // the parent is gone
			return
		case "spawn":
			call := t.Call(sitter)
			information, err := t.create(call, number32)
			if err == nil {
				call.Answer()
			}
			p.Say(number(err), information.ProcessId)
		case "query":
			var a win32.JOBOBJECT_BASIC_ACCOUNTING_INFORMATION
			err := win32.QueryInformationJobObject(0, win32.JobObjectBasicAccountingInformation, uintptr(unsafe.Pointer(&a)), uint32(unsafe.Sizeof(a)), nil)
			p.Say(number(err), a.TotalProcesses, a.ActiveProcesses)
		default:
			t.Fatalf("what is %q?", what)
		}
	}
})

// jobHolder starts a child that its parent has called, in a job of its own that ends
// with its last handle.
var jobHolder = newRole("job holder", func(t *T, p *Parent) {
	job := t.Fresh(win32.CreateJobObject(nil, ""))
	t.limit(job, win32.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE, nil)
	_, err := t.createCommand(p.Arg(0), 0, job)
	t.OK(err)
	p.Say("holds")
	p.Hear()
})

// create starts a child by CreateProcess, with flags, in jobs. It ends with the line.
func (t *T) create(call *Call, flags uint32, jobs ...win32.Handle) (*win32.ProcessInformation, error) {
	return t.createCommand(call.CommandLine(), flags, jobs...)
}

func (t *T) createCommand(command string, flags uint32, jobs ...win32.Handle) (*win32.ProcessInformation, error) {
	startup := &win32.StartupInfoEx{}
	startup.Cb = uint32(unsafe.Sizeof(*startup))
	if len(jobs) > 0 {
		attributes, err := win32.NewProcThreadAttributeList(1)
		t.OK(err)
		defer attributes.Delete()
		t.OK(attributes.Update(win32.PROC_THREAD_ATTRIBUTE_JOB_LIST, unsafe.Pointer(&jobs[0]), uintptr(len(jobs))*unsafe.Sizeof(jobs[0])))
		startup.ProcThreadAttributeList = attributes.List()
	}
	information := new(win32.ProcessInformation)
	err := win32.CreateProcess("", command, nil, nil, false, flags|win32.EXTENDED_STARTUPINFO_PRESENT, nil, "", &startup.StartupInfo, information)
	if err == nil {
		t.Cleanup(func() {
			_ = win32.TerminateProcess(information.Process, 1)
			_, _ = win32.WaitForSingleObject(information.Process, win32.INFINITE)
			t.Err(0, win32.CloseHandle(information.Process))
			t.Err(0, win32.CloseHandle(information.Thread))
		})
	}
	return information, err
}

// member starts a child in a role that is born in jobs.
func (t *T) member(r *role, jobs ...win32.Handle) (*Child, *win32.ProcessInformation) {
	call := t.Call(r)
	information, err := t.create(call, 0, jobs...)
	t.OK(err)
	return call.Answer(), information
}

// spawn has a breeder start a child, and says how it went, and gives a handle to it.
func (c *Child) spawn(flags uint32) (code int, process win32.Handle) {
	c.Tell("spawn", flags)
	var pid uint32
	_, err := fmt.Sscan(c.Line(), &code, &pid)
	c.t.OK(err)
	if code == 0 {
		process = c.t.process(int(pid))
	}
	return code, process
}

// process opens a process, to look at and to wait for.
func (t *T) process(pid int) win32.Handle {
	return t.Handle(win32.OpenProcess(win32.PROCESS_QUERY_INFORMATION|win32.SYNCHRONIZE, false, uint32(pid)))
}

// job is a new one without a name.
func (t *T) job() win32.Handle { return t.Fresh(win32.CreateJobObject(nil, "")) }

// limit sets limits of a job.
func (t *T) limit(job win32.Handle, flags uint32, more func(*win32.JOBOBJECT_EXTENDED_LIMIT_INFORMATION)) {
	var l win32.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	l.BasicLimitInformation.LimitFlags = flags
	if more != nil {
		more(&l)
	}
	_, err := win32.SetInformationJobObject(job, win32.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&l)), uint32(unsafe.Sizeof(l)))
	t.OK(err)
}

// associate gives a job a port; 0: none.
func associate(job, port win32.Handle, key uintptr) error {
	a := win32.JOBOBJECT_ASSOCIATE_COMPLETION_PORT{CompletionKey: key, CompletionPort: port}
	_, err := win32.SetInformationJobObject(job, win32.JobObjectAssociateCompletionPortInformation, uintptr(unsafe.Pointer(&a)), uint32(unsafe.Sizeof(a)))
	return err
}

func (t *T) port() win32.Handle {
	return t.Handle(win32.CreateIoCompletionPort(win32.INVALID_HANDLE_VALUE, 0, 0, 1))
}

// told demands the next message in a port.
func (t *T) told(port win32.Handle, message uint32, key uintptr, pid int) {
	var got uint32
	var gotKey, gotPID uintptr
	err := win32.GetQueuedCompletionStatus(port, &got, &gotKey, &gotPID, uint32(hang.Milliseconds()))
	if err != nil || got != message || gotKey != key || gotPID != uintptr(pid) {
		t.Errorf("message %d, key %d, of %d, %v, want message %d, key %d, of %d", got, gotKey, gotPID, err, message, key, pid)
	}
}

// is demands that a process is in a job, 0: in any, or that it is not.
func (t *T) is(in bool, process, job win32.Handle) {
	var got bool
	err := win32.IsProcessInJob(process, job, &got)
	if err != nil || got != in {
		t.Errorf("the process is in the job: %v, %v, want %v", got, err, in)
	}
}

// ended waits until a process has ended, and gives its exit code.
func (t *T) ended(process win32.Handle) (code uint32) {
	event, err := win32.WaitForSingleObject(process, uint32(hang.Milliseconds()))
	t.Waited(win32.WAIT_OBJECT_0, event, err)
	t.OK(win32.GetExitCodeProcess(process, &code))
	return code
}

func (t *T) waited(want uint32, h win32.Handle, milliseconds uint32) {
	event, err := win32.WaitForSingleObject(h, milliseconds)
	t.Waited(want, event, err)
}

// alone is for lines that Linux cannot do without a control group.
func alone(why string) gaps {
	if grouped() {
		return nil
	}
	return gaps{onLinux: "no control group can be made here: " + why}
}

var jobs = []line{
	{
		id: "C361", says: "new job → wait(100) → 0x102", source: "WT-k/process test_WaitForJobObject (W)",
		check: func(t *T) { t.waited(win32.WAIT_TIMEOUT, t.job(), 100) },
	},
	{
		id: "C362", says: "job with one process, TerminateJobObject(123) → exit code 123; job wait → 0, stays 0", source: "test_TerminateJobObject, test_WaitForJobObject (W)",
		check: func(t *T) {
			job := t.job()
			_, p := t.member(sitter, job)
			t.waited(win32.WAIT_TIMEOUT, job, 0)
			t.OK(win32.TerminateJobObject(job, 123))
			if code := t.ended(p.Process); code != 123 {
				t.Errorf("exit code %d", code)
			}
			t.waited(win32.WAIT_OBJECT_0, job, uint32(hang.Milliseconds()))
			t.member(sitter, job)
			t.waited(win32.WAIT_OBJECT_0, job, 0)
		},
	},
	{
		id: "C364", says: "last process exits by itself → job not signaled", source: "w32:ProcThread/job-objects (D)",
		check: func(t *T) {
			job := t.job()
			child, p := t.member(sitter, job)
			child.Tell("end")
			if code := t.ended(p.Process); code != 0 {
				t.Errorf("exit code %d", code)
			}
			t.waited(win32.WAIT_TIMEOUT, job, uint32(quiet.Milliseconds()))
		},
	},
	{
		id: "C365", says: "assign exited process → FALSE, 5", source: "test_TerminateJobObject (W)",
		check: func(t *T) {
			child, p := t.member(sitter)
			child.Tell("end")
			t.ended(p.Process)
			t.Err(win32.ERROR_ACCESS_DENIED, win32.AssignProcessToJobObject(t.job(), p.Process))
		},
	},
	{
		id: "C366", says: "IsProcessInJob(p, job) before assign FALSE, after TRUE, after exit TRUE", source: "test_IsProcessInJob (W)",
		not: alone("a process that runs already cannot be put into a job"),
		check: func(t *T) {
			job, other := t.job(), t.job()
			child, p := t.member(sitter)
			t.is(false, p.Process, job)
			t.OK(win32.AssignProcessToJobObject(job, p.Process))
			t.is(true, p.Process, job)
			t.is(true, p.Process, 0)
			t.is(false, p.Process, other)
			child.Tell("end")
			t.ended(p.Process)
			t.is(true, p.Process, job)
			t.is(true, p.Process, 0)
			t.is(false, p.Process, other)
		},
	},
	{
		id: "C368", says: "child of a job member → in the job", source: "test_jobInheritance (W)",
		check: func(t *T) {
			job := t.job()
			parent, _ := t.member(breeder, job)
			_, child := parent.spawn(0)
			t.is(true, child, job)
		},
	},
	{
		id: "C369", says: "no breakaway flag, CREATE_BREAKAWAY_FROM_JOB → CreateProcess FALSE, 5", source: "test_BreakawayOk (W)",
		check: func(t *T) {
			parent, _ := t.member(breeder, t.job())
			if code, _ := parent.spawn(win32.CREATE_BREAKAWAY_FROM_JOB); code != 5 {
				t.Errorf("error %d", code)
			}
		},
	},
	{
		id: "C370", says: "BREAKAWAY_OK + CREATE_BREAKAWAY → child outside that job, still in a parent that forbids", source: "test_BreakawayOk (W)",
		not: alone("a process is born in one job only"),
		check: func(t *T) {
			outer, inner := t.job(), t.job()
			t.limit(inner, win32.JOB_OBJECT_LIMIT_BREAKAWAY_OK, nil)
			parent, _ := t.member(breeder, outer, inner)
			code, child := parent.spawn(win32.CREATE_BREAKAWAY_FROM_JOB)
			if code != 0 {
				t.Fatalf("error %d", code)
			}
			t.is(false, child, inner)
			t.is(true, child, outer)
			_, child = parent.spawn(0)
			t.is(true, child, inner)
		},
	},
	{
		id: "C372", says: "SILENT_BREAKAWAY_OK → plain child outside", source: "test_BreakawayOk (W)",
		not: alone("nothing can be started outside"),
		check: func(t *T) {
			job := t.job()
			t.limit(job, win32.JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK, nil)
			parent, p := t.member(breeder, job)
			_, child := parent.spawn(0)
			t.is(false, child, job)
			t.is(true, p.Process, job)
		},
	},
	{
		id: "C373", says: "KILL_ON_JOB_CLOSE, close last handle → processes terminated", source: "test_KillOnJobClose (W)",
		check: func(t *T) {
			job, err := win32.CreateJobObject(nil, "")
			t.OK(err)
			t.limit(job, win32.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE, nil)
			_, p := t.member(sitter, job)
			t.waited(win32.WAIT_TIMEOUT, p.Process, uint32(quiet.Milliseconds()))
			t.Close(job)
			t.ended(p.Process)
		},
	},
	{
		id: "C374", says: "KILL_ON_JOB_CLOSE, creator process dies → processes terminated", source: "sdk (D)",
		check: func(t *T) {
			call := t.Call(sitter)
			creator := t.Child(jobHolder, call.CommandLine())
			member := call.Answer()
			creator.Expect("holds")
			p := t.process(member.PID)
			t.waited(win32.WAIT_TIMEOUT, p, uint32(quiet.Milliseconds()))
			creator.Kill()
			t.waited(win32.WAIT_OBJECT_0, p, uint32(hang.Milliseconds()))
		},
	},
	{
		id: "C376", says: "job named N, last handle closed, process alive → OpenJobObject(N) → NULL, 2", source: "9.5 (inf)",
		gap: gaps{onWine: "the name stays as long as the job has processes"},
		check: func(t *T) {
			n := t.Name()
			job, err := win32.CreateJobObject(nil, n)
			t.OK(err)
			_, p := t.member(sitter, job)
			again, err := win32.OpenJobObject(win32.JOB_OBJECT_QUERY, false, n)
			t.OK(err)
			t.is(true, p.Process, again)
			t.Close(job)
			t.Close(again)
			h, err := win32.OpenJobObject(win32.JOB_OBJECT_QUERY, false, n)
			t.Refused(win32.ERROR_FILE_NOT_FOUND, h, err)
			t.waited(win32.WAIT_TIMEOUT, p.Process, 0)
		},
	},
	{
		id: "C377", says: "nested: p in J1, assign to never-used J2 → TRUE; IsProcessInJob both TRUE", source: "test_nested_jobs_child (W)",
		not: alone("a process that runs already cannot be put into a job"),
		check: func(t *T) {
			first, second := t.job(), t.job()
			_, p := t.member(sitter)
			t.OK(win32.AssignProcessToJobObject(first, p.Process))
			t.OK(win32.AssignProcessToJobObject(second, p.Process))
			t.is(true, p.Process, first)
			t.is(true, p.Process, second)
		},
	},
	{
		id: "C378", says: "p1 in J1, p2 in J2 → assign p1 to J2 → FALSE, 5", source: "test_nested_jobs (W)",
		not: alone("a process that runs already cannot be put into a job"),
		check: func(t *T) {
			first, second := t.job(), t.job()
			_, p := t.member(sitter)
			_, q := t.member(sitter)
			t.OK(win32.AssignProcessToJobObject(first, p.Process))
			t.OK(win32.AssignProcessToJobObject(second, q.Process))
			t.Err(win32.ERROR_ACCESS_DENIED, win32.AssignProcessToJobObject(second, p.Process))
			t.is(false, p.Process, second)
		},
	},
	{
		id: "C380", says: "port associated with busy job → NEW_PROCESS for existing members, then new ones", source: "test_CompletionPort (W)",
		check: func(t *T) {
			job, port := t.job(), t.port()
			one, _ := t.member(sitter, job)
			t.OK(associate(job, port, 7))
			t.told(port, win32.JOB_OBJECT_MSG_NEW_PROCESS, 7, one.PID)
			two, _ := t.member(sitter, job)
			t.told(port, win32.JOB_OBJECT_MSG_NEW_PROCESS, 7, two.PID)
		},
	},
	{
		id: "C381", says: "member exits → EXIT_PROCESS(pid); last → ACTIVE_PROCESS_ZERO(0)", source: "test_CompletionPort (W)",
		check: func(t *T) {
			job, port := t.job(), t.port()
			t.OK(associate(job, port, 7))
			one, _ := t.member(sitter, job)
			t.told(port, win32.JOB_OBJECT_MSG_NEW_PROCESS, 7, one.PID)
			two, _ := t.member(sitter, job)
			t.told(port, win32.JOB_OBJECT_MSG_NEW_PROCESS, 7, two.PID)
			one.Tell("end")
			t.told(port, win32.JOB_OBJECT_MSG_EXIT_PROCESS, 7, one.PID)
			two.Tell("end")
			t.told(port, win32.JOB_OBJECT_MSG_EXIT_PROCESS, 7, two.PID)
			t.told(port, win32.JOB_OBJECT_MSG_ACTIVE_PROCESS_ZERO, 7, 0)
		},
	},
	{
		id: "C382", says: "nested job with ports on both → NEW_PROCESS for child job then parent", source: "test_nested_jobs_child (W)",
		not: alone("a process is born in one job only"),
		check: func(t *T) {
			outer, inner, port := t.job(), t.job(), t.port()
			parent, _ := t.member(breeder, outer, inner)
			t.OK(associate(outer, port, 1))
			t.told(port, win32.JOB_OBJECT_MSG_NEW_PROCESS, 1, parent.PID)
			t.OK(associate(inner, port, 2))
			t.told(port, win32.JOB_OBJECT_MSG_NEW_PROCESS, 2, parent.PID)
			_, child := parent.spawn(0)
			pid, err := win32.GetProcessId(child)
			t.OK(err)
			t.told(port, win32.JOB_OBJECT_MSG_NEW_PROCESS, 2, int(pid))
			t.told(port, win32.JOB_OBJECT_MSG_NEW_PROCESS, 1, int(pid))
		},
	},
	{
		id: "C384", says: "Query BasicLimit with size−1 → FALSE, 24; exact → LimitFlags 0, ret_len = size", source: "test_QueryInformationJobObject (W)",
		check: func(t *T) {
			job := t.job()
			l := win32.JOBOBJECT_BASIC_LIMIT_INFORMATION{LimitFlags: 99}
			size := uint32(unsafe.Sizeof(l))
			for _, wrong := range []uint32{size - 1, 0} {
				t.Err(win32.ERROR_BAD_LENGTH, win32.QueryInformationJobObject(job, win32.JobObjectBasicLimitInformation, uintptr(unsafe.Pointer(&l)), wrong, nil))
			}
			returned := uint32(0)
			t.OK(win32.QueryInformationJobObject(job, win32.JobObjectBasicLimitInformation, uintptr(unsafe.Pointer(&l)), size, &returned))
			if returned != size || l.LimitFlags != 0 {
				t.Errorf("%d bytes, flags %#x", returned, l.LimitFlags)
			}
		},
	},
	{
		id: "C385", says: "accounting: 3 assigned, 1 exited → TotalProcesses 3, ActiveProcesses 2", source: "test_QueryInformationJobObject (W)",
		check: func(t *T) {
			job := t.job()
			one, p := t.member(sitter, job)
			t.member(sitter, job)
			t.member(sitter, job)
			one.Tell("end")
			t.ended(p.Process)
			var a win32.JOBOBJECT_BASIC_ACCOUNTING_INFORMATION
			t.OK(win32.QueryInformationJobObject(job, win32.JobObjectBasicAccountingInformation, uintptr(unsafe.Pointer(&a)), uint32(unsafe.Sizeof(a)), nil))
			if a.TotalProcesses != 3 || a.ActiveProcesses != 2 {
				t.Errorf("%d in all, %d active", a.TotalProcesses, a.ActiveProcesses)
			}
		},
	},
	{
		id: "C386", says: "ACTIVE_PROCESS limit 1, assign second → FALSE and the second process terminated", source: "sdk limit page (D)",
		gap: gaps{onWine: "it limits nothing but by kill-on-close and breaking away"},
		not: alone("a process that runs already cannot be put into a job"),
		check: func(t *T) {
			job := t.job()
			t.limit(job, win32.JOB_OBJECT_LIMIT_ACTIVE_PROCESS, func(l *win32.JOBOBJECT_EXTENDED_LIMIT_INFORMATION) {
				l.BasicLimitInformation.ActiveProcessLimit = 1
			})
			_, p := t.member(sitter)
			_, q := t.member(sitter)
			t.OK(win32.AssignProcessToJobObject(job, p.Process))
			if err := win32.AssignProcessToJobObject(job, q.Process); err == nil {
				t.Fatalf("the second was assigned")
			}
			t.ended(q.Process)
			t.waited(win32.WAIT_TIMEOUT, p.Process, 0)
		},
	},
	{
		id: "C388", says: "JOB_LIST size not a multiple of the handle size → UpdateProcThreadAttribute FALSE, 24", source: "test_job_list_attribute (W)",
		check: func(t *T) {
			attributes, err := win32.NewProcThreadAttributeList(1)
			t.OK(err)
			defer attributes.Delete()
			list := []win32.Handle{t.job()}
			t.Err(win32.ERROR_BAD_LENGTH, attributes.Update(win32.PROC_THREAD_ATTRIBUTE_JOB_LIST, unsafe.Pointer(&list[0]), unsafe.Sizeof(list[0])-1))
		},
	},
	{
		id: "C389", says: "JOB_LIST {j0,j1} fresh → child in parent chain, j0 and j1", source: "test_job_list_attribute (W)",
		not: alone("a process is born in one job only"),
		check: func(t *T) {
			around, first, second := t.job(), t.job(), t.job()
			_, p := t.member(sitter, around, first, second)
			for _, job := range []win32.Handle{around, first, second} {
				t.is(true, p.Process, job)
			}
		},
	},
	{
		id: "C416", says: "process in no job, QueryInformationJobObject(NULL) → FALSE; in a job → that job's data", source: "sdk:queryinformationjobobject (D)",
		gap: gaps{onWine: "0 is an invalid handle (6)"},
		check: func(t *T) {
			var in bool
			var a win32.JOBOBJECT_BASIC_ACCOUNTING_INFORMATION
			t.OK(win32.IsProcessInJob(win32.GetCurrentProcess(), 0, &in))
			err := win32.QueryInformationJobObject(0, win32.JobObjectBasicAccountingInformation, uintptr(unsafe.Pointer(&a)), uint32(unsafe.Sizeof(a)), nil)
			if !in && err == nil {
				t.Errorf("the job that this process is not in has %d processes", a.ActiveProcesses)
			}
			job := t.job()
			t.member(sitter, job)
			child, _ := t.member(breeder, job)
			child.Tell("query")
			child.Expect(0, 2, 2)
		},
	},
	{
		id: "C417", says: "job with a port, associate a second port → FALSE, 87; associate NULL, then a new port → TRUE", source: "WI:server/process.c; sdk for NULL (I)(D)",
		gap: gaps{onWine: "a port cannot be taken away (87)"},
		check: func(t *T) {
			job, port, other := t.job(), t.port(), t.port()
			t.OK(associate(job, port, 1))
			t.Err(win32.ERROR_INVALID_PARAMETER, associate(job, other, 2))
			t.OK(associate(job, 0, 0))
			t.OK(associate(job, other, 2))
		},
	},
}
