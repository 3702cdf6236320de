/* What C can do on this machine. The benchmark compiles this and calls
 *
 *     peer PROGRAM SUBJECT NUMBER...
 *
 * and it prints a line "PART VALUE" for each figure; the main part is called "-".
 *
 *     mutex_pair SUBJECT CHUNKS N       ns of an uncontended lock and unlock
 *     signal_pair SUBJECT CHUNKS N      ns of a signal and a wait that takes it
 *     contended SUBJECT MS PROCESSES... operations a second, and fairness
 *     pingpong SUBJECT N                ns a round of two processes, and CPU time
 *     wait_any SUBJECT N PAUSE          ns from a signal to the waiter for any of 64
 *     open SUBJECT CHUNKS N             ns of opening, mapping and closing
 *     create_destroy SUBJECT CHUNKS N
 *     map SUBJECT CHUNKS N              ns of mapping and unmapping, and of reading
 *     bulk SUBJECT BLOCKS               GB/s
 *     waiters SUBJECT N WAKES           threads that wait
 *     owner_death SUBJECT               us
 *     namespace SUBJECT N...            ns of an open among N others
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

enum { words = 64, most_processes = 64, slots = 8, block = 1 << 20 };

struct line {
	_Alignas(64) _Atomic uint32_t v;
};

struct shared {
	pthread_mutex_t mutex;
	_Alignas(64) sem_t sem, ping_sem, pong_sem;
	_Alignas(64) _Atomic unsigned long cell;
	_Alignas(64) _Atomic int ready, go, stop;
	double owned, start, cpu[most_processes];
	struct line ping, pong, word[words];
	struct {
		_Alignas(64) long n;
	} count[most_processes];
	long inside;
};

static struct shared *s;
static const char *subject;

static int is(const char *name) { return strcmp(subject, name) == 0; }

static void die(const char *what) {
	perror(what);
	exit(1);
}

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static double cpu(void) {
	struct rusage r;
	getrusage(RUSAGE_SELF, &r);
	return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e9 + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1e3;
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

/* MEDIAN prints the median of chunks, each of n times the body. */
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
		free(chunk_);                                                     \
	} while (0)

/* pin binds this process to the CPU of its number, of those that it may use. */
static void pin(int number) {
	cpu_set_t all, mine;
	sched_getaffinity(0, sizeof all, &all);
	number %= CPU_COUNT(&all);
	CPU_ZERO(&mine);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all) && number-- == 0)
			CPU_SET(i, &mine);
	sched_setaffinity(0, sizeof mine, &mine);
}

static void share(void) {
	s = mmap(0, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		die("mmap");
	pthread_mutexattr_t a;
	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	if (is("glibc-robust"))
		pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&s->mutex, &a);
	sem_init(&s->sem, 1, 0);
	sem_init(&s->ping_sem, 1, 0);
	sem_init(&s->pong_sem, 1, 0);
}

/* The file of the locks on files: every process opens its own description. */
static char lock_path[64];
static int lock_file;

static void open_lock(void) {
	lock_file = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock_file < 0)
		die(lock_path);
}

static void ofd(int type, int command) {
	struct flock l = {.l_type = type, .l_whence = SEEK_SET};
	if (fcntl(lock_file, command, &l) != 0)
		die("fcntl");
}

static int lock(void) {
	if (is("flock"))
		return flock(lock_file, LOCK_EX);
	if (is("OFD locks")) {
		ofd(F_WRLCK, F_OFD_SETLKW);
		return 0;
	}
	return pthread_mutex_lock(&s->mutex);
}

static void unlock(void) {
	if (is("flock"))
		flock(lock_file, LOCK_UN);
	else if (is("OFD locks"))
		ofd(F_UNLCK, F_OFD_SETLK);
	else
		pthread_mutex_unlock(&s->mutex);
}

static void mutex_pair(long chunks, long n) {
	if (is("raw-cas")) {
		MEDIAN("-", chunks, n, {
			unsigned long free = 0, mine = 1;
			atomic_compare_exchange_strong(&s->cell, &free, 1);
			atomic_compare_exchange_strong(&s->cell, &mine, 0);
		});
	} else if (is("flock")) {
		MEDIAN("-", chunks, n, flock(lock_file, LOCK_EX); flock(lock_file, LOCK_UN));
	} else if (is("OFD locks")) {
		MEDIAN("-", chunks, n, ofd(F_WRLCK, F_OFD_SETLKW); ofd(F_UNLCK, F_OFD_SETLK));
	} else {
		MEDIAN("-", chunks, n, pthread_mutex_lock(&s->mutex); pthread_mutex_unlock(&s->mutex));
	}
}

static void wait_word(struct line *w, uint32_t expected) { syscall(SYS_futex, &w->v, FUTEX_WAIT, expected, 0, 0, 0); }

static void wake_word(struct line *w) { syscall(SYS_futex, &w->v, FUTEX_WAKE, INT_MAX, 0, 0, 0); }

static void signal_pair(long chunks, long n) {
	if (is("raw-cas"))
		mutex_pair(chunks, n);
	else if (is("raw-futex")) { /* the event that calls the kernel at every signal */
		MEDIAN("-", chunks, n, {
			uint32_t set = 1;
			s->word[0].v = 1;
			wake_word(&s->word[0]);
			atomic_compare_exchange_strong(&s->word[0].v, &set, 0);
		});
	} else
		MEDIAN("-", chunks, n, sem_post(&s->sem); sem_trywait(&s->sem));
}

static void contend(int me, double end) {
	while (now() < end)
		for (int i = 0; i < 50; i++) {
			lock();
			s->inside++;
			unlock();
			s->count[me].n++;
		}
}

static void contended(int processes, long ms) {
	double start = now() + 20e6, end = start + ms * 1e6;
	if (processes > most_processes)
		exit(2);
	for (int i = 0; i < processes; i++)
		if (fork() == 0) {
			pin(i);
			open_lock();
			while (now() < start)
				usleep(100);
			double used = cpu();
			contend(i, end);
			s->cpu[i] = cpu() - used;
			_exit(0);
		}
	while (wait(0) > 0)
		;
	long all = 0, least = LONG_MAX, most = 0;
	double used = 0;
	for (int i = 0; i < processes; i++) {
		long n = s->count[i].n;
		all += n;
		least = n < least ? n : least;
		most = n > most ? n : most;
		used += s->cpu[i];
	}
	if (all != s->inside) {
		fprintf(stderr, "%ld locks, but %ld inside\n", all, s->inside);
		exit(1);
	}
	printf("%d %.0f\n%d/fairness %.3f\n%d/cpu %.1f\n", processes, all / (ms * 1e-3), processes, (double)least / most,
	       processes, used / all);
	fflush(stdout); /* before another fork */
}

/* give hands the turn over, await waits for it: turn counts the rounds. */
static int to[2], fro[2];

static void give(struct line *w, uint32_t turn) {
	char byte = 0;
	int pinging = w == &s->ping;
	if (is("posix-sem"))
		sem_post(pinging ? &s->ping_sem : &s->pong_sem);
	else if (is("pipes") || is("Unix sockets")) {
		if (write(pinging ? to[1] : fro[1], &byte, 1) != 1)
			die("write");
	} else {
		w->v = turn;
		if (is("raw-futex"))
			wake_word(w);
	}
}

static void await(struct line *w, uint32_t turn, int one) {
	char byte;
	int pinging = w == &s->ping;
	if (is("posix-sem")) {
		sem_wait(pinging ? &s->ping_sem : &s->pong_sem);
		return;
	}
	if (is("pipes") || is("Unix sockets")) {
		if (read(pinging ? to[0] : fro[0], &byte, 1) != 1)
			die("read");
		return;
	}
	for (;;) {
		uint32_t v = atomic_load_explicit(&w->v, memory_order_acquire);
		if (v == turn)
			return;
		if (is("raw-futex"))
			wait_word(w, v);
		else if (one)
			sched_yield();
	}
}

static void connect_both(void) {
	if (is("Unix sockets")) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, to) != 0)
			die("socketpair");
		int a = to[0], b = to[1]; /* one for both directions: each side has an end */
		to[0] = b, to[1] = a, fro[0] = a, fro[1] = b;
	} else if (pipe(to) != 0 || pipe(fro) != 0)
		die("pipe");
}

static void pingpong(uint32_t n) {
	cpu_set_t all;
	sched_getaffinity(0, sizeof all, &all);
	int one = CPU_COUNT(&all) == 1;
	connect_both();
	if (fork() == 0) {
		pin(1);
		s->ready = 1;
		for (uint32_t i = 1; i <= n; i++) {
			await(&s->ping, i, one);
			give(&s->pong, i);
		}
		s->cpu[1] = cpu();
		_exit(0);
	}
	pin(0);
	while (!s->ready)
		usleep(100);
	usleep(1000);
	double start = now(), used = cpu();
	for (uint32_t i = 1; i <= n; i++) {
		give(&s->ping, i);
		await(&s->pong, i, one);
	}
	double took = now() - start;
	used = cpu() - used;
	wait(0);
	printf("- %.1f\ncpu %.1f\n", took / n, (used + s->cpu[1]) / n);
}

static int answer(struct futex_waitv *list) {
	long i = syscall(SYS_futex_waitv, list, words, 0, 0, CLOCK_MONOTONIC);
	if (i < 0 && errno != EAGAIN && errno != EINTR)
		die("futex_waitv");
	if (i < 0 || s->word[i].v == 0)
		for (i = 0; i < words && s->word[i].v == 0; i++)
			;
	uint32_t set = 1;
	return i < words && atomic_compare_exchange_strong(&s->word[i].v, &set, 0);
}

static void wait_any_waiter(long n) {
	struct futex_waitv list[words];
	double *took = malloc(n * sizeof *took);
	memset(list, 0, sizeof list);
	for (int i = 0; i < words; i++) {
		list[i].uaddr = (uintptr_t)&s->word[i].v;
		list[i].flags = FUTEX_32;
	}
	double used = cpu();
	for (uint32_t done = 0; done < n;)
		if (answer(list)) {
			took[done] = now() - s->start;
			s->pong.v = ++done;
		}
	used = cpu() - used;
	printf("- %.0f\np99 %.0f\ncpu %.0f\n", quantile(took, n, 0.5), quantile(took, n, 0.99), used / n);
	fflush(stdout);
	_exit(0);
}

static void wait_any(long n, double pause) {
	if (fork() == 0)
		wait_any_waiter(n);
	for (long i = 0; i < n; i++) {
		for (double until = now() + pause; now() < until;)
			;
		struct line *w = &s->word[rand() % words];
		s->start = now();
		w->v = 1;
		wake_word(w);
		while (s->pong.v != i + 1)
			;
	}
	wait(0);
}

static char object[64];

static int open_shm(int flags) {
	int f = shm_open(object, O_RDWR | flags, 0600);
	if (f < 0)
		die("shm_open");
	return f;
}

static void *map_shm(int f, long size) {
	void *p = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static void sized(int f, long size) {
	if (ftruncate(f, size) != 0)
		die("ftruncate");
}

static void open_one(void) {
	int f = open_shm(0);
	void *p = map_shm(f, 4096);
	close(f);
	munmap(p, 4096);
}

static void open_close(const char *part, long chunks, long n) {
	int f = open_shm(O_CREAT);
	sized(f, 4096);
	close(f);
	MEDIAN(part, chunks, n, open_one());
	shm_unlink(object);
}

static void create_destroy(long chunks, long n) {
	MEDIAN("-", chunks, n, {
		int f = open_shm(O_CREAT | O_EXCL);
		sized(f, 4096);
		void *p = map_shm(f, 4096);
		close(f);
		munmap(p, 4096);
		shm_unlink(object);
	});
}

static void map_unmap(long chunks, long n) {
	int f = open_shm(O_CREAT | O_EXCL);
	shm_unlink(object);
	sized(f, block);
	unsigned char *p = map_shm(f, block);
	memset(p, 1, block);
	MEDIAN("-", chunks, n, munmap(map_shm(f, block), block));
	uint64_t sum = 0, *w = (uint64_t *)p;
	MEDIAN("access", chunks, n / 10 + 1, {
		for (long j = 0; j < 65536 / 8; j++) {
			sum += w[j];
			__asm__ volatile("" : "+r"(sum)); /* no vectors: Go's compiler has none either */
		}
	});
	munmap(p, block);
	close(f);
}

/* A peer that hands 1 MiB blocks over. memcpy does it alone; pipes and sockets copy
 * twice, for that is what they do. */
static void bulk_stream(long blocks) {
	connect_both();
	char *buffer = malloc(block);
	memset(buffer, 1, block);
	if (fork() == 0) {
		for (long left = blocks * (long)block; left > 0;) {
			long n = read(to[0], buffer, block);
			if (n <= 0)
				die("read");
			left -= n;
		}
		char byte = 0;
		_exit(write(fro[1], &byte, 1) != 1);
	}
	double start = now();
	for (long left = blocks * (long)block; left > 0;) {
		long n = write(to[1], buffer, left < block ? left : block);
		if (n <= 0)
			die("write");
		left -= n;
	}
	char byte;
	if (read(fro[0], &byte, 1) != 1)
		die("read");
	printf("- %.3f\n", blocks * (double)block / (now() - start));
	wait(0);
}

static void bulk_memcpy(long blocks) {
	int f = open_shm(O_CREAT | O_EXCL);
	shm_unlink(object);
	sized(f, slots * (long)block);
	char *ring = map_shm(f, slots * (long)block), *from = malloc(block);
	memset(from, 1, block);
	memset(ring, 0, slots * (long)block); /* as what has been used before */
	double start = now();
	for (long i = 0; i < blocks; i++) {
		memcpy(ring + i % slots * block, from, block);
		__asm__ volatile("" ::: "memory");
	}
	printf("- %.3f\n", blocks * (double)block / (now() - start));
}

/* The crowd: a thread for each waiter, as C has it. */
static void *waiter(void *word) {
	struct line *w = word;
	do {
		wait_word(w, 0);
	} while (w->v == 0);
	s->start = now() - s->start;
	s->go++;
	return 0;
}

static long status(const char *field) {
	char text[256];
	long value = 0;
	FILE *f = fopen("/proc/self/status", "r");
	while (f && fgets(text, sizeof text, f))
		if (strncmp(text, field, strlen(field)) == 0)
			value = atol(text + strlen(field));
	if (f)
		fclose(f);
	return value;
}

static void waiters(long n, long wakes) {
	struct line *all = aligned_alloc(64, n * sizeof *all);
	double *took = malloc(wakes * sizeof *took);
	pthread_attr_t a;
	pthread_t id;
	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 65536);
	pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
	memset(all, 0, n * sizeof *all);
	long before = status("VmRSS:");
	for (long i = 0; i < n; i++)
		if ((errno = pthread_create(&id, &a, waiter, &all[i])) != 0)
			die("pthread_create");
	usleep(500000);
	printf("threads %ld\nbytes %.0f\n", status("Threads:"), (status("VmRSS:") - before) * 1024.0 / n);
	for (long i = 0; i < wakes; i++) {
		usleep(300);
		s->start = now();
		all[i].v = 1;
		wake_word(&all[i]);
		while (s->go != i + 1)
			;
		took[i] = s->start;
	}
	double start = now();
	for (long i = wakes; i < n; i++) {
		all[i].v = 1;
		wake_word(&all[i]);
	}
	while (s->go != n)
		sched_yield();
	printf("wake_all %.3f\np50 %.0f\np99 %.0f\n", (now() - start) / 1e6, quantile(took, wakes, 0.5), quantile(took, wakes, 0.99));
}

static void owner_death(void) {
	pid_t owner = fork();
	if (owner == 0) {
		open_lock();
		lock();
		s->ready = 1;
		pause();
	}
	while (!s->ready)
		usleep(100);
	pid_t next = fork();
	if (next == 0) {
		open_lock();
		s->ready = 2;
		int r = lock();
		s->owned = now();
		_exit(is("glibc-robust") && r != EOWNERDEAD);
	}
	while (s->ready != 2)
		usleep(100);
	usleep(20000);
	double start = now();
	kill(owner, SIGKILL);
	int code;
	waitpid(next, &code, 0);
	waitpid(owner, 0, 0);
	if (code != 0)
		exit(1);
	printf("- %.1f\n", (s->owned - start) / 1e3);
}

static void namespace(long chunks, long n, int counts, char **list) {
	char mine[64], other[96];
	long have = 0;
	strcpy(mine, object);
	for (int i = 0; i < counts; i++) {
		for (; have < atol(list[i]); have++) {
			snprintf(other, sizeof other, "%s-%ld", mine, have);
			int f = shm_open(other, O_RDWR | O_CREAT | O_EXCL, 0600);
			if (f < 0)
				die("shm_open");
			sized(f, 4096);
			close(f);
		}
		open_close(list[i], chunks, n);
	}
	while (have-- > 0) {
		snprintf(other, sizeof other, "%s-%ld", mine, have);
		shm_unlink(other);
	}
}

int main(int argc, char **argv) {
	if (argc < 3)
		return 2;
	const char *program = argv[1];
	long a = argc > 3 ? atol(argv[3]) : 0, b = argc > 4 ? atol(argv[4]) : 0;
	subject = argv[2];
	snprintf(object, sizeof object, "/atoll-bench-%d", (int)getpid());
	snprintf(lock_path, sizeof lock_path, "/dev/shm/atoll-bench-lock-%d", (int)getpid());
	share();
	open_lock();
	if (strcmp(program, "mutex_pair") == 0)
		mutex_pair(a, b);
	else if (strcmp(program, "event_pair") == 0 || strcmp(program, "semaphore_pair") == 0)
		signal_pair(a, b);
	else if (strcmp(program, "contended") == 0)
		for (int i = 4; i < argc; i++) {
			share();
			contended(atoi(argv[i]), a);
		}
	else if (strcmp(program, "pingpong") == 0)
		pingpong(a);
	else if (strcmp(program, "wait_any") == 0)
		wait_any(a, b);
	else if (strcmp(program, "open") == 0)
		open_close("-", a, b);
	else if (strcmp(program, "create_destroy") == 0)
		create_destroy(a, b);
	else if (strcmp(program, "map") == 0)
		map_unmap(a, b);
	else if (strcmp(program, "bulk") == 0 && is("memcpy"))
		bulk_memcpy(a);
	else if (strcmp(program, "bulk") == 0)
		bulk_stream(a);
	else if (strcmp(program, "waiters") == 0)
		waiters(a, b);
	else if (strcmp(program, "owner_death") == 0)
		owner_death();
	else if (strcmp(program, "namespace") == 0)
		namespace(a, b, argc - 5, argv + 5);
	else
		return 2;
	unlink(lock_path);
	return 0;
}
