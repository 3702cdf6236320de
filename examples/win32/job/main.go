// Command job starts processes in a job, counts them and ends them together, as a
// program for Windows does:
//
//	go run ./examples/win32/job
//
// Source: https://learn.microsoft.com/windows/win32/procthread/job-objects
package main

import (
	"fmt"
	"log"
	"os"
	"unsafe"

	"atoll/win32"
)

const children = 3

func main() {
	log.SetFlags(0)
	if len(os.Args) > 1 { // a child does nothing, for ever
		win32.SleepEx(win32.INFINITE, false)
		return
	}
	job, err := win32.CreateJobObject(nil, win32.NullName)
	if err != nil {
		log.Fatal("CreateJobObject: ", err)
	}
	defer win32.CloseHandle(job)
	killOnClose(job)

	var processes []win32.Handle
	for range children {
		process := start()
		if err := win32.AssignProcessToJobObject(job, process); err != nil {
			log.Fatal("AssignProcessToJobObject: ", err)
		}
		processes = append(processes, process)
	}
	var in bool
	if err := win32.IsProcessInJob(processes[0], job, &in); err != nil {
		log.Fatal("IsProcessInJob: ", err)
	}
	fmt.Println("the first is in the job:", in)
	fmt.Println("processes in the job:", count(job))

	if err := win32.TerminateJobObject(job, 17); err != nil {
		log.Fatal("TerminateJobObject: ", err)
	}
	if _, err := win32.WaitForMultipleObjects(processes, true, win32.INFINITE); err != nil {
		log.Fatal("WaitForMultipleObjects: ", err)
	}
	for _, process := range processes {
		var code uint32
		if err := win32.GetExitCodeProcess(process, &code); err != nil {
			log.Fatal("GetExitCodeProcess: ", err)
		}
		fmt.Println("ended with", code)
		win32.CloseHandle(process)
	}
}

// killOnClose says that no process of the job outlives its last handle.
func killOnClose(job win32.Handle) {
	var limits win32.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	limits.BasicLimitInformation.LimitFlags = win32.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err := win32.SetInformationJobObject(job, win32.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	if err != nil {
		log.Fatal("SetInformationJobObject: ", err)
	}
}

// count says how many processes of the job live.
func count(job win32.Handle) uint32 {
	var accounts win32.JOBOBJECT_BASIC_ACCOUNTING_INFORMATION
	err := win32.QueryInformationJobObject(job, win32.JobObjectBasicAccountingInformation,
		uintptr(unsafe.Pointer(&accounts)), uint32(unsafe.Sizeof(accounts)), nil)
	if err != nil {
		log.Fatal("QueryInformationJobObject: ", err)
	}
	return accounts.ActiveProcesses
}

// start starts this program as a child.
func start() win32.Handle {
	exe, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	startup := win32.StartupInfo{Cb: uint32(unsafe.Sizeof(win32.StartupInfo{}))}
	var child win32.ProcessInformation
	if err := win32.CreateProcess(exe, `job child`, nil, nil, false, 0, nil, "", &startup, &child); err != nil {
		log.Fatal("CreateProcess: ", err)
	}
	win32.CloseHandle(child.Thread)
	return child.Process
}
