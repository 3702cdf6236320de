/* What Wine can do: the programs of peer.c, for Windows. The other process is this
 * program again, with "other" before the rest. */
#define _WIN32_WINNT 0x0600
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

enum { block = 1 << 20, slots = 8, objects = 64, most_processes = 64 };

struct shared {
	volatile LONGLONG start, took, n[most_processes], inside;
	volatile LONG answered;
	double took_all[1 << 16];
};

static char base[64], **arguments; /* the name that all objects begin with */
static double frequency;

static double now(void) {
	LARGE_INTEGER t;
	QueryPerformanceCounter(&t);
	return t.QuadPart / frequency;
}

static void die(const char *what) {
	fprintf(stderr, "%s: error %lu\n", what, GetLastError());
	exit(1);
}

static HANDLE need(HANDLE h, const char *what) {
	if (!h)
		die(what);
	return h;
}

static int compare(const void *a, const void *b) {
	double d = *(const double *)a - *(const double *)b;
	return d < 0 ? -1 : d > 0;
}

static double quantile(double *list, long n, double q) {
	qsort(list, n, sizeof *list, compare);
	long i = q * n;
	return list[i < n ? i : n - 1];
}

#define MEDIAN(part, chunks, n, ...)                                              \
	do {                                                                      \
		double *chunk_ = malloc((chunks) * sizeof *chunk_);               \
		for (long c_ = 0; c_ < (chunks); c_++) {                          \
			double begin_ = now();                                    \
			for (long i_ = 0; i_ < (n); i_++) {                       \
				__VA_ARGS__;                                      \
			}                                                         \
			chunk_[c_] = (now() - begin_) / (n);                      \
		}                                                                 \
		printf("%s %.3f\n", part, quantile(chunk_, (chunks), 0.5));       \
		fflush(stdout);                                                   \
		free(chunk_);                                                     \
	} while (0)

static const char *named(const char *what, int i) {
	static char name[128];
	snprintf(name, sizeof name, "%s-%s-%d", base, what, i);
	return name;
}

static HANDLE event(const char *what, int i) { return need(CreateEventA(0, 0, 0, named(what, i)), "CreateEvent"); }

static HANDLE semaphore(const char *what, int i, LONG initial, LONG most) {
	return need(CreateSemaphoreA(0, initial, most, named(what, i)), "CreateSemaphore");
}

static void *section(const char *what, long size) {
	HANDLE s = need(CreateFileMappingA(INVALID_HANDLE_VALUE, 0, PAGE_READWRITE, 0, size, named(what, 0)), "CreateFileMapping");
	return need(MapViewOfFile(s, FILE_MAP_ALL_ACCESS, 0, 0, 0), "MapViewOfFile");
}

/* other starts this program again. */
static HANDLE other(const char *role, int number) {
	char self[MAX_PATH], line[1024];
	STARTUPINFOA s = {.cb = sizeof s};
	PROCESS_INFORMATION p;
	GetModuleFileNameA(0, self, sizeof self);
	snprintf(line, sizeof line, "\"%s\" other %s %s %d", self, role, base, number);
	for (char **a = arguments; *a; a++) {
		strncat(line, " ", sizeof line - strlen(line) - 1);
		strncat(line, *a, sizeof line - strlen(line) - 1);
	}
	if (!CreateProcessA(self, line, 0, 0, TRUE, 0, 0, 0, &s, &p))
		die("CreateProcess");
	CloseHandle(p.hThread);
	return p.hProcess;
}

static void wait_for(HANDLE h) {
	if (WaitForSingleObject(h, INFINITE) == WAIT_FAILED)
		die("WaitForSingleObject");
}

static void mutex_pair(long chunks, long n) {
	HANDLE m = need(CreateMutexA(0, 0, 0), "CreateMutex");
	MEDIAN("-", chunks, n, WaitForSingleObject(m, INFINITE); ReleaseMutex(m));
}

static void event_pair(long chunks, long n) {
	HANDLE e = need(CreateEventA(0, 0, 0, 0), "CreateEvent");
	MEDIAN("-", chunks, n, SetEvent(e); WaitForSingleObject(e, 0));
}

static void semaphore_pair(long chunks, long n) {
	HANDLE s = need(CreateSemaphoreA(0, 0, 1 << 30, 0), "CreateSemaphore");
	MEDIAN("-", chunks, n, ReleaseSemaphore(s, 1, 0); WaitForSingleObject(s, 0));
}

static void wait_all(long chunks, long n, int count) {
	HANDLE all[objects];
	for (int i = 0; i < count; i++)
		all[i] = need(CreateSemaphoreA(0, 1 << 30, 1 << 30, 0), "CreateSemaphore");
	MEDIAN("-", chunks, n, WaitForMultipleObjects(count, all, TRUE, INFINITE));
}

static void ping(long n) {
	HANDLE to = event("ping", 0), fro = event("pong", 0), ready = event("ready", 0);
	HANDLE process = other("pong", 0);
	wait_for(ready);
	double start = now();
	for (long i = 0; i < n; i++) {
		SetEvent(to);
		wait_for(fro);
	}
	double took = now() - start;
	wait_for(process);
	printf("- %.1f\n", took / n); /* what the server uses is not known */
}

static void pong(long n) {
	HANDLE to = event("ping", 0), fro = event("pong", 0);
	SetEvent(event("ready", 0));
	for (long i = 0; i < n; i++) {
		wait_for(to);
		SetEvent(fro);
	}
}

static void contended(long ms, int processes) {
	struct shared *s = section("shared", sizeof *s);
	HANDLE go = need(CreateEventA(0, 1, 0, named("go", 0)), "CreateEvent"), ready = semaphore("ready", 0, 0, 64);
	HANDLE all[most_processes];
	memset((void *)s, 0, sizeof *s);
	for (int i = 0; i < processes; i++)
		all[i] = other("contender", i);
	for (int i = 0; i < processes; i++)
		wait_for(ready);
	SetEvent(go);
	for (int i = 0; i < processes; i++)
		wait_for(all[i]);
	double sum = 0, least = 1e300, most = 0;
	for (int i = 0; i < processes; i++) {
		double n = s->n[i];
		sum += n;
		least = n < least ? n : least;
		most = n > most ? n : most;
	}
	if (sum != s->inside) {
		fprintf(stderr, "%.0f locks, but %lld inside\n", sum, s->inside);
		exit(1);
	}
	printf("%d %.0f\n%d/fairness %.3f\n", processes, sum / (ms * 1e-3), processes, least / most);
	fflush(stdout);
	ResetEvent(go);
}

static void contender(long ms, int me) {
	struct shared *s = section("shared", sizeof *s);
	HANDLE m = need(CreateMutexA(0, 0, named("mutex", 0)), "CreateMutex");
	HANDLE go = need(CreateEventA(0, 1, 0, named("go", 0)), "CreateEvent");
	ReleaseSemaphore(semaphore("ready", 0, 0, 64), 1, 0);
	wait_for(go);
	for (double end = now() + ms * 1e6; now() < end;)
		for (int i = 0; i < 5; i++) { /* each a question to the server */
			wait_for(m);
			s->inside++;
			s->n[me]++;
			ReleaseMutex(m);
		}
}

static void wait_any(long n, double pause) {
	HANDLE all[objects], ready = event("ready", 0), process;
	struct shared *s = section("shared", sizeof *s);
	for (int i = 0; i < objects; i++)
		all[i] = event("any", i);
	process = other("any", 0);
	wait_for(ready);
	for (long i = 0; i < n; i++) {
		for (double until = now() + pause; now() < until;)
			;
		s->start = now();
		SetEvent(all[rand() % objects]);
		while (s->answered != i + 1)
			;
	}
	wait_for(process);
	printf("- %.0f\np99 %.0f\n", quantile(s->took_all, n, 0.5), quantile(s->took_all, n, 0.99));
}

static void any_waiter(long n) {
	HANDLE all[objects];
	struct shared *s = section("shared", sizeof *s);
	for (int i = 0; i < objects; i++)
		all[i] = event("any", i);
	SetEvent(event("ready", 0));
	for (long i = 0; i < n; i++) {
		WaitForMultipleObjects(objects, all, FALSE, INFINITE);
		s->took_all[i] = now() - s->start;
		s->answered++;
	}
}

static void open_close(long chunks, long n) {
	event("open", 0);
	char name[128];
	strcpy(name, named("open", 0));
	MEDIAN("-", chunks, n, CloseHandle(need(OpenEventA(EVENT_ALL_ACCESS, 0, name), "OpenEvent")));
}

static void create_destroy(long chunks, long n) {
	char name[128];
	strcpy(name, named("create", 0));
	MEDIAN("-", chunks, n, CloseHandle(need(CreateEventA(0, 0, 0, name), "CreateEvent")));
}

static void map(long chunks, long n) {
	HANDLE s = need(CreateFileMappingA(INVALID_HANDLE_VALUE, 0, PAGE_READWRITE, 0, block, 0), "CreateFileMapping");
	uint64_t *p = need(MapViewOfFile(s, FILE_MAP_ALL_ACCESS, 0, 0, 0), "MapViewOfFile"), sum = 0;
	memset(p, 1, block);
	MEDIAN("-", chunks, n, UnmapViewOfFile(need(MapViewOfFile(s, FILE_MAP_ALL_ACCESS, 0, 0, 0), "MapViewOfFile")));
	MEDIAN("access", chunks, n / 10 + 1, {
		for (long j = 0; j < 65536 / 8; j++) {
			sum += p[j];
			__asm__ volatile("" : "+r"(sum));
		}
	});
}

static void bulk(long n) {
	char *ring = section("ring", slots * block), *data = malloc(block);
	HANDLE free_slots = semaphore("free", 0, slots, slots), full = semaphore("full", 0, 0, slots), ready = event("ready", 0);
	memset(ring, 0, slots * block);
	memset(data, 1, block);
	HANDLE process = other("bulk", 0);
	wait_for(ready);
	double start = now();
	for (long i = 0; i < n; i++) {
		wait_for(free_slots);
		data[0] = i;
		memcpy(ring + i % slots * block, data, block);
		ReleaseSemaphore(full, 1, 0);
	}
	wait_for(ready);
	printf("- %.3f\n", n * (double)block / (now() - start));
	wait_for(process);
}

static void bulk_reader(long n) {
	char *ring = section("ring", slots * block);
	HANDLE free_slots = semaphore("free", 0, slots, slots), full = semaphore("full", 0, 0, slots), ready = event("ready", 0);
	SetEvent(ready);
	for (long i = 0; i < n; i++) {
		wait_for(full);
		char *data = ring + i % slots * block;
		for (long at = 0; at < block; at += 4096)
			if (data[at] != (at ? 1 : (char)i))
				exit(1);
		ReleaseSemaphore(free_slots, 1, 0);
	}
	SetEvent(ready);
}

static void owner_death(void) {
	HANDLE m = need(CreateMutexA(0, 0, named("mutex", 0)), "CreateMutex"), ready = event("ready", 0);
	struct shared *s = section("shared", sizeof *s);
	HANDLE process = other("owner", 0);
	wait_for(ready);
	HANDLE next = other("next", 0);
	wait_for(ready);
	Sleep(20);
	double start = now();
	TerminateProcess(process, 1);
	wait_for(next);
	(void)m;
	printf("- %.1f\n", (s->start - start) / 1e3);
}

static void owner(void) {
	HANDLE m = need(CreateMutexA(0, 0, named("mutex", 0)), "CreateMutex");
	wait_for(m);
	SetEvent(event("ready", 0));
	Sleep(INFINITE);
}

static void next_owner(void) {
	HANDLE m = need(CreateMutexA(0, 0, named("mutex", 0)), "CreateMutex");
	struct shared *s = section("shared", sizeof *s);
	SetEvent(event("ready", 0));
	DWORD r = WaitForSingleObject(m, INFINITE);
	s->start = now();
	exit(r != WAIT_ABANDONED);
}

static long size(int i) {
	for (char **a = arguments; *a; a++)
		if (i-- == 0)
			return atol(*a);
	return 0;
}

static int play(const char *role, int number) {
	if (strcmp(role, "pong") == 0)
		pong(size(0));
	else if (strcmp(role, "contender") == 0)
		contender(size(0), number);
	else if (strcmp(role, "any") == 0)
		any_waiter(size(0));
	else if (strcmp(role, "bulk") == 0)
		bulk_reader(size(0));
	else if (strcmp(role, "owner") == 0)
		owner();
	else if (strcmp(role, "next") == 0)
		next_owner();
	else
		return 2;
	return 0;
}

int main(int argc, char **argv) {
	LARGE_INTEGER f;
	QueryPerformanceFrequency(&f);
	frequency = f.QuadPart / 1e9;
	if (argc > 4 && strcmp(argv[1], "other") == 0) {
		strcpy(base, argv[3]);
		arguments = argv + 5;
		return play(argv[2], atoi(argv[4]));
	}
	if (argc < 3)
		return 2;
	const char *program = argv[1];
	snprintf(base, sizeof base, "atoll-bench-%lu", GetCurrentProcessId());
	arguments = argv + 3;
	if (strcmp(program, "mutex_pair") == 0)
		mutex_pair(size(0), size(1));
	else if (strcmp(program, "event_pair") == 0)
		event_pair(size(0), size(1));
	else if (strcmp(program, "semaphore_pair") == 0)
		semaphore_pair(size(0), size(1));
	else if (strcmp(program, "wait_all") == 0)
		wait_all(size(0), size(1), size(2));
	else if (strcmp(program, "pingpong") == 0)
		ping(size(0));
	else if (strcmp(program, "contended") == 0)
		for (int i = 4; i < argc; i++)
			contended(size(0), atoi(argv[i]));
	else if (strcmp(program, "wait_any") == 0)
		wait_any(size(0), size(1));
	else if (strcmp(program, "open") == 0)
		open_close(size(0), size(1));
	else if (strcmp(program, "create_destroy") == 0)
		create_destroy(size(0), size(1));
	else if (strcmp(program, "map") == 0)
		map(size(0), size(1));
	else if (strcmp(program, "bulk") == 0)
		bulk(size(0));
	else if (strcmp(program, "owner_death") == 0)
		owner_death();
	else
		return 2;
	return 0;
}
