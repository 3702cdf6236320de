/* What C can do on this machine: the time of an uncontended lock and unlock of a
 * robust, process-shared mutex of glibc, and of two bare compare-and-swaps; and
 * how soon the next owner has such a mutex after its owner was killed.
 *
 *     peer pairs N     prints nanoseconds a pair: robust, then bare
 *     peer death       prints nanoseconds from the kill to the ownership
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

struct shared {
	pthread_mutex_t mutex;
	_Alignas(64) _Atomic unsigned long cell;
	_Atomic int ready;
	double owned;
};

static struct shared *share(void) {
	struct shared *s = mmap(0, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t a;
	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&s->mutex, &a);
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
	printf("%.2f %.2f\n", robust, (now() - start) / n);
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

int main(int argc, char **argv) {
	struct shared *s = share();
	if (argc > 2 && strcmp(argv[1], "pairs") == 0)
		pairs(s, atol(argv[2]));
	else if (argc > 1 && strcmp(argv[1], "death") == 0)
		death(s);
	else
		return 2;
	return 0;
}
