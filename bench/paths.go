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
		what: "Where there is one processor, who would spin yields instead: the kernel goes to the partner, who signals and yields, too. So two calls are a round, and nobody falls asleep or is woken, as the limit does. (Under strace every call is slow, a yield too, and who waits gives up and sleeps: the calls counted below are of such rounds.) To sleep costs a program in Go more than one in C, because its scheduler takes leave of the thread and looks for work when it is back: a bare loop of futexes in Go took 1.1 to 1.3 times as long as the limit, and as many words as a wait needs, 1.35 to 1.7. Where a yield takes long, others do other things on the processor: then nobody yields for a hundred times as long.",
	},
	{
		metric: "mutex_contended", part: "-", long: "2000 2",
		what: "Who finds the mutex taken looks at it for a while, which is about as long as the other has it, and then swaps again; nobody sleeps as long as that goes well.",
	},
	{
		metric: "wait_any_64", part: "-", sizes: [2]string{"100 100000", "200 100000"}, rounds: 100, long: "5000 100000",
		what: "Most of it is the wake of a thread on another processor, which is the hypervisor's, as for the limit. What is Atoll's comes before the thread sleeps, when nobody waits for it: 64 objects are joined, looked at, and given to the kernel. After the wake only what has changed is looked at. The processor time is nearly twice the limit's for that.",
	},
	{
		metric: "wait_all_2", part: "-", sizes: chunked(" 2"), rounds: 400, long: "300 50000 2",
		what: "The gate of each object is closed by one compare-and-swap, and one more gives the object its word and opens it. In between the decision is written down in the member file, so that a kill at any moment leaves all or nothing; a process decides one of its waits at a time, by a lock. A bare loop of these locked instructions takes 13 ns; the rest is to read handles and states, in their order.",
	},
	{
		metric: "wait_all_64", part: "-", sizes: chunked(" 64"), rounds: 400, long: "300 2000 64",
		what: "The same 64 times; the gates are closed in the order of the files' numbers.",
	},
	{
		metric: "open", part: "-", sizes: chunked(""), rounds: 400, long: "300 300",
		what: "The system calls below: whether the name's file is there and whose; whether somebody is alive, which is a question about a lock; a lock of one's own; the header. The page is still mapped if the object was opened lately. The limit opens, maps, closes and unmaps, and locks nothing.",
	},
	{
		metric: "create_destroy", part: "-", sizes: chunked(""), rounds: 400, long: "300 300",
		what: "The file is made whole without a name, locked, and then named; the last handle takes the name away again. The limit makes it in place and writes nothing, so that the kernel gives it no page. The calls alone take twice what the limit takes, in a program in C that does nothing else: to look for the name 2 µs, a file without a name rather than with one 3 to 5, its page 4, the locks 2. The rest is Go's part in these calls, and pages that the garbage collector unmaps meanwhile on another thread.",
	},
	{
		metric: "map", part: "-", sizes: chunked(""), rounds: 400, long: "300 1000",
		what: "mmap and munmap, which are the kernel's. The use of a view is counted in the process.",
	},
	{
		metric: "bulk", part: "-", sizes: [2]string{"64", "128"}, rounds: 64, long: "16384",
		what: "The copy, in pieces of which Go's copy does not think that the cache is too small for them (it does from 1 MiB on). Two threads of one program that hand such blocks over by bare atomics, one of which only looks at a byte of each page, come to 0.84 of what one process can copy alone: to write to lines that the other processor has read costs more. When the hypervisor has both processors on one core, they come to less than half, as Atoll does then.",
	},
	{
		metric: "waiters_10k", part: "-", long: "10000 5000",
		what: "Where the kernel has io_uring, one thread has it wait for all words, and is told which have been woken: it wakes goroutines. Otherwise a thread waits for up to 127 words with futex_waitv. The bytes are the goroutine's stack, its place in the object's queue, and what the kernel or the thread keeps of the word. The profile is of the first.",
	},
	{
		metric: "owner_death", part: "-",
		what: "The kernel ends the threads of the process that was killed, one after the other, rings the bell in its member file, takes its memory apart, and drops its locks, in this order. Only the last says that nobody writes in its name any more, and only then the next one takes over; a robust mutex is told by the first thread's end. In a trace of the kernel's events, on a machine with load, these were 90 to 110 µs for six threads, 230 to 290 for the memory, 30 for the files, and 70 to 120 until the next one has found out, asked once more and has it; it looks every 90 µs. The memory is the program's size: a page that is in memory by itself takes 0.2 to 0.5 µs. A bare program in Go with a lock on a file took 380 µs until the lock fell where one in C took 220, a small one with Atoll 490 when its file had been copied to a disk, which is then in memory in large pieces; as Go's linker leaves it, in single pages, and as it is measured here, 690; with a C library, which cgo links in with package net, 750; and with the charts of this command linked in, 1,100.",
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
