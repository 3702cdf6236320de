//go:build linux

package main

// paths are what Atoll does for each metric, and what there is to say about it.
var paths = []path{
	{
		metric: "mutex_pair", part: "-", sizes: chunked(""), rounds: 400, long: "300 100000",
		what: "Two compare-and-swaps, on a word that the handle maps: as many as the limit. The rest is that Lock and Unlock are calls, with a context and a report as Go has them, and that the handle is asked whether it is open and whose it is.",
	},
	{
		metric: "event_pair", part: "-", sizes: chunked(""), rounds: 400, long: "300 100000",
		what: "A compare-and-swap for the signal and one for taking it, from the state that the handle remembers, and a look whether anybody sleeps.",
	},
	{
		metric: "semaphore_pair", part: "-", sizes: chunked(""), rounds: 400, long: "300 100000",
		what: "As for an event; the count lies in the same word as the state.",
	},
	{
		metric: "pingpong", part: "-", sizes: [2]string{"500", "900"}, rounds: 400, long: "1000000",
		what: "The waiter looks at the word for some microseconds before it sleeps, and the other process is sooner. So nobody calls the kernel, and a round is what a cache line takes from one processor to the other and back, four times: once for the signal and once for taking it, for each.",
	},
	{
		metric: "pingpong_one_cpu", part: "-", sizes: [2]string{"500", "900"}, rounds: 400, long: "100000",
		what: "A wake and a wait of each process, and the kernel's change from one process to the other, as for the limit. Go's scheduler comes on top.",
	},
	{
		metric: "mutex_contended", part: "-", long: "2000 2",
		what: "Who finds the mutex taken looks at it for a while, which is about as long as the other has it, and then swaps again; nobody sleeps as long as that goes well.",
	},
	{
		metric: "wait_any_64", part: "-", sizes: [2]string{"100 100000", "200 100000"}, rounds: 100, long: "5000 100000",
		what: "Most of it is the wake of a thread on another processor, which is the hypervisor's, as for the limit. What is Atoll's: 64 objects are looked at, and their words are given to the kernel, by whom they are queued.",
	},
	{
		metric: "wait_all_2", part: "-", sizes: chunked(" 2"), rounds: 400, long: "300 50000 2",
		what: "The gate of each object is closed and opened again, and in between the decision is written down in the member file, so that a kill at any moment leaves all or nothing.",
	},
	{
		metric: "wait_all_64", part: "-", sizes: chunked(" 64"), rounds: 400, long: "300 2000 64",
		what: "The same 64 times, after the objects have been sorted.",
	},
	{
		metric: "open", part: "-", sizes: chunked(""), rounds: 400, long: "300 300",
		what: "The system calls below: the file is opened and locked, looked at, and mapped; and undone. The limit opens, maps, closes and unmaps.",
	},
	{
		metric: "create_destroy", part: "-", sizes: chunked(""), rounds: 400, long: "300 300",
		what: "The file is made whole without a name, locked, and then named; the last handle takes the name away again. The limit makes it in place.",
	},
	{
		metric: "map", part: "-", sizes: chunked(""), rounds: 400, long: "300 1000",
		what: "mmap and munmap, which are the kernel's. The use of a view is counted in the process.",
	},
	{
		metric: "bulk", part: "-", sizes: [2]string{"64", "128"}, rounds: 64, long: "16384",
		what: "The copy. A semaphore for the free blocks and one for the full ones are waited for as in a round trip, without the kernel where the other process is soon enough.",
	},
	{
		metric: "waiters_10k", part: "-", long: "10000 5000",
		what: "Where the kernel has io_uring, one thread has it wait for all words, and is told which have been woken: it wakes goroutines. Otherwise a thread waits for up to 127 words with futex_waitv. The bytes are the goroutine's stack, its place in the object's queue, and what the kernel or the thread keeps of the word. The profile is of the first.",
	},
	{
		metric: "owner_death", part: "-",
		what: "The kernel ends the threads of the process that was killed, rings the bell in its member file, takes its memory apart, and drops its lock. Only then nobody can write any more in its name, and the next one takes over. A robust mutex is told by the first thread's end. A process in Go has more threads and more memory than one in C: see the figures of flock in both.",
	},
	{
		metric: "namespace_growth", part: "-",
		what: "Open of a name, whose path the kernel finds in a hash table. Nothing is listed or searched, however many objects there are.",
	},
	{
		metric: "win32_overhead", part: "-", sizes: chunked(""), rounds: 400, long: "300 20000",
		what: "A handle's number is looked up in the process's table, and what the call returns is made a code; a mutex is asked which thread has it. The profile is of both packages in turns.",
	},
}
