/* What C can do on this machine, for the benchmarks to compare with. Each mode
 * prints one line.
 *
 *     peer pairs N              ns a pair: glibc's robust mutex, two bare
 *                               compare-and-swaps, POSIX semaphore
 *     peer death                ns from the kill of the owner of a robust mutex to
 *                               the ownership of the next
 *     peer pingpong WAY N CPUS  ns and CPU ns a round of two processes; WAY is
 *                               futex or spin
 *     peer contend MS CPUS      ns and CPU ns a lock of two processes that want one
 *                               robust mutex
 *     peer waitv N PAUSE        median and p99 ns from the change of one of 64 words
 *                               until its waiter has it, and the waiter's CPU ns
 *                               a round; PAUSE ns between rounds
 *
 * CPUS is free, apart (each process on its own) or same (both on the first).
 */
#define _GNU_SOURCE
#include <errno.h>
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
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

enum { words = 64 };

struct line {
	_Alignas(64) _Atomic uint32_t v;
};

struct shared {
	pthread_mutex_t mutex;
	_Alignas(64) sem_t sem;
	_Alignas(64) _Atomic unsigned long cell;
	_Alignas(64) _Atomic int ready;
	double owned;
	double start; /* of a wake */
	double cpu; /* of the child */
	struct line ping, pong, stop, word[words];
	long count[2];
	long inside;
};

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

/* pin binds this process, which is number 0 or 1 of two. */
static void pin(const char *cpus, int number) {
	cpu_set_t all, mine;
	if (strcmp(cpus, "free") == 0)
		return;
	if (strcmp(cpus, "same") == 0)
		number = 0;
	sched_getaffinity(0, sizeof all, &all);
	CPU_ZERO(&mine);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all) && number-- == 0)
			CPU_SET(i, &mine);
	if (sched_setaffinity(0, sizeof mine, &mine) != 0)
		exit(3); /* there is no second processor */
}

static void wait_word(struct line *w, uint32_t expected) {
	syscall(SYS_futex, &w->v, FUTEX_WAIT, expected, 0, 0, 0);
}

static void wake_word(struct line *w) {
	syscall(SYS_futex, &w->v, FUTEX_WAKE, INT_MAX, 0, 0, 0);
}

static struct shared *share(void) {
	struct shared *s = mmap(0, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t a;
	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&s->mutex, &a);
	sem_init(&s->sem, 1, 0);
	return s;
}

static void pairs(struct shared *s, long n) {
	double start = now();
	for (long i = 0; i < n; i++) {
		pthread_mutex_lock(&s->mutex);
		pthread_mutex_unlock(&s->mutex);
	}
	double robust = (now() - start) / n;
	start = now();
	for (long i = 0; i < n; i++) {
		unsigned long free = 0, mine = 1;
		atomic_compare_exchange_strong(&s->cell, &free, 1);
		atomic_compare_exchange_strong(&s->cell, &mine, 0);
	}
	double bare = (now() - start) / n;
	start = now();
	for (long i = 0; i < n; i++) {
		sem_post(&s->sem);
		sem_trywait(&s->sem);
	}
	printf("%.2f %.2f %.2f\n", robust, bare, (now() - start) / n);
}

static void death(struct shared *s) {
	pid_t owner = fork();
	if (owner == 0) {
		pthread_mutex_lock(&s->mutex);
		s->ready = 1;
		pause();
	}
	while (!s->ready)
		usleep(100);
	pid_t waiter = fork();
	if (waiter == 0) {
		int r = pthread_mutex_lock(&s->mutex);
		s->owned = now();
		_exit(r == EOWNERDEAD ? 0 : 1);
	}
	usleep(20000);
	double start = now();
	kill(owner, SIGKILL);
	int status;
	waitpid(waiter, &status, 0);
	waitpid(owner, 0, 0);
	if (status != 0)
		exit(1);
	printf("%.0f\n", s->owned - start);
}

/* give hands the turn over, await waits for it: turn counts the rounds. */
static void give(struct line *w, uint32_t turn, int spin) {
	w->v = turn;
	if (!spin)
		wake_word(w);
}

static void await(struct line *w, uint32_t turn, int spin) {
	for (;;) {
		uint32_t v = atomic_load_explicit(&w->v, memory_order_acquire);
		if (v == turn)
			return;
		if (!spin)
			wait_word(w, v);
	}
}

static void pingpong(struct shared *s, int spin, uint32_t n, const char *cpus) {
	if (fork() == 0) {
		pin(cpus, 1);
		for (uint32_t i = 1; i <= n; i++) {
			await(&s->ping, i, spin);
			give(&s->pong, i, spin);
		}
		s->cpu = cpu();
		_exit(0);
	}
	pin(cpus, 0);
	usleep(1000);
	double start = now(), used = cpu();
	for (uint32_t i = 1; i <= n; i++) {
		give(&s->ping, i, spin);
		await(&s->pong, i, spin);
	}
	double took = now() - start;
	used = cpu() - used;
	wait(0);
	printf("%.1f %.1f\n", took / n, (used + s->cpu) / n);
}

static void contend_until(struct shared *s, int me, double end) {
	while (now() < end)
		for (int i = 0; i < 50; i++) {
			pthread_mutex_lock(&s->mutex);
			s->inside++;
			pthread_mutex_unlock(&s->mutex);
			s->count[me]++;
		}
}

static void contend(struct shared *s, long ms, const char *cpus) {
	double start = now() + 2e6, end = start + ms * 1e6;
	pid_t child = fork();
	pin(cpus, child == 0);
	while (now() < start)
		usleep(100);
	double used = cpu();
	contend_until(s, child == 0, end);
	used = cpu() - used;
	if (child == 0) {
		s->cpu = used;
		_exit(0);
	}
	wait(0);
	long n = s->count[0] + s->count[1];
	if (n != s->inside)
		exit(4);
	printf("%.1f %.1f\n", ms * 1e6 / n, (used + s->cpu) / n);
}

static int answer(struct shared *s, struct futex_waitv *list) {
	long i = syscall(SYS_futex_waitv, list, words, 0, 0, CLOCK_MONOTONIC);
	if (i < 0 && errno != EAGAIN && errno != EINTR)
		exit(5);
	if (i < 0 || s->word[i].v == 0)
		for (i = 0; i < words && s->word[i].v == 0; i++)
			;
	uint32_t set = 1;
	return i < words && atomic_compare_exchange_strong(&s->word[i].v, &set, 0);
}

static int compare(const void *a, const void *b) {
	double d = *(const double *)a - *(const double *)b;
	return d < 0 ? -1 : d > 0;
}

static void waitv_waiter(struct shared *s, long n) {
	struct futex_waitv list[words];
	double *took = malloc(n * sizeof *took);
	memset(list, 0, sizeof list);
	for (int i = 0; i < words; i++) {
		list[i].uaddr = (uintptr_t)&s->word[i].v;
		list[i].flags = FUTEX_32;
	}
	for (uint32_t done = 0; done < n;)
		if (answer(s, list)) {
			took[done] = now() - s->start;
			s->pong.v = ++done;
		}
	double used = cpu();
	qsort(took, n, sizeof *took, compare);
	printf("%.0f %.0f %.0f\n", took[n / 2], took[n * 99 / 100], used / n);
	fflush(stdout);
	_exit(0);
}

static void waitv(struct shared *s, long n, double pause) {
	if (fork() == 0)
		waitv_waiter(s, n);
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

int main(int argc, char **argv) {
	struct shared *s = share();
	if (argc == 3 && strcmp(argv[1], "pairs") == 0)
		pairs(s, atol(argv[2]));
	else if (argc == 2 && strcmp(argv[1], "death") == 0)
		death(s);
	else if (argc == 5 && strcmp(argv[1], "pingpong") == 0)
		pingpong(s, strcmp(argv[2], "spin") == 0, atol(argv[3]), argv[4]);
	else if (argc == 4 && strcmp(argv[1], "contend") == 0)
		contend(s, atol(argv[2]), argv[3]);
	else if (argc == 4 && strcmp(argv[1], "waitv") == 0)
		waitv(s, atol(argv[2]), atof(argv[3]));
	else
		return 2;
	return 0;
}
