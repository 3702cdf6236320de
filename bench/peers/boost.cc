// What Boost.Interprocess can do: the programs of peer.c that it has something for.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include <boost/interprocess/mapped_region.hpp>
#include <boost/interprocess/shared_memory_object.hpp>
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/interprocess_semaphore.hpp>

#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace boost::interprocess;

namespace {

struct state {
	interprocess_mutex mutex;
	interprocess_semaphore ping{0}, pong{0};
	alignas(64) long inside = 0;
	double cpu[64] = {};
	struct alignas(64) {
		long n = 0;
	} count[64];
};

std::string object;

double now() {
	using namespace std::chrono;
	return duration<double, std::nano>(steady_clock::now().time_since_epoch()).count();
}

double cpu() {
	rusage r;
	getrusage(RUSAGE_SELF, &r);
	return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e9 + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1e3;
}

template <class F> void median(const char *part, long chunks, long n, F f) {
	std::vector<double> took;
	for (long c = 0; c < chunks; c++) {
		double begin = now();
		for (long i = 0; i < n; i++)
			f();
		took.push_back((now() - begin) / n);
	}
	std::sort(took.begin(), took.end());
	std::printf("%s %.3f\n", part, took[took.size() / 2]);
}

// pin binds this process to the CPU of its number, of those that it may use.
void pin(int number) {
	cpu_set_t all, mine;
	sched_getaffinity(0, sizeof all, &all);
	number %= CPU_COUNT(&all);
	CPU_ZERO(&mine);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all) && number-- == 0)
			CPU_SET(i, &mine);
	sched_setaffinity(0, sizeof mine, &mine);
}

// shared is memory with a name, which is removed at the end.
struct shared {
	shared_memory_object memory;
	mapped_region region;
	shared(const char *name, long size) : memory(create_only, name, read_write) {
		memory.truncate(size);
		region = mapped_region(memory, read_write);
	}
	~shared() { shared_memory_object::remove(memory.get_name()); }
	template <class T> T *make() { return new (region.get_address()) T; }
};

void pingpong(long n) {
	shared s(object.c_str(), 65536);
	state *x = s.make<state>();
	if (fork() == 0) {
		pin(1);
		x->pong.post();
		for (long i = 0; i < n; i++) {
			x->ping.wait();
			x->pong.post();
		}
		x->cpu[1] = cpu();
		_exit(0);
	}
	pin(0);
	x->pong.wait();
	double start = now(), used = cpu();
	for (long i = 0; i < n; i++) {
		x->ping.post();
		x->pong.wait();
	}
	double took = now() - start;
	used = cpu() - used;
	wait(nullptr);
	std::printf("- %.1f\ncpu %.1f\n", took / n, (used + x->cpu[1]) / n);
}

void contended(long ms, int processes) {
	shared s(object.c_str(), 65536);
	state *x = s.make<state>();
	double start = now() + 20e6, end = start + ms * 1e6;
	for (int me = 0; me < processes; me++)
		if (fork() == 0) {
			pin(me);
			while (now() < start)
				usleep(100);
			double used = cpu();
			while (now() < end)
				for (int i = 0; i < 50; i++) {
					x->mutex.lock();
					x->inside++;
					x->mutex.unlock();
					x->count[me].n++;
				}
			x->cpu[me] = cpu() - used;
			_exit(0);
		}
	while (wait(nullptr) > 0)
		;
	long all = 0, least = x->count[0].n, most = 0;
	double used = 0;
	for (int i = 0; i < processes; i++) {
		all += x->count[i].n;
		least = std::min(least, x->count[i].n);
		most = std::max(most, x->count[i].n);
		used += x->cpu[i];
	}
	if (all != x->inside)
		std::exit(1);
	std::printf("%d %.0f\n%d/fairness %.3f\n%d/cpu %.1f\n", processes, all / (ms * 1e-3), processes, double(least) / most,
		    processes, used / all);
	std::fflush(stdout); // before another fork
}

void map(long chunks, long n) {
	shared s(object.c_str(), 1 << 20);
	auto *words = static_cast<unsigned long *>(s.region.get_address());
	std::memset(words, 1, 1 << 20);
	median("-", chunks, n, [&] { mapped_region(s.memory, read_write); });
	unsigned long sum = 0;
	median("access", chunks, n / 10 + 1, [&] {
		for (long j = 0; j < 65536 / 8; j++) {
			sum += words[j];
			__asm__ volatile("" : "+r"(sum));
		}
	});
}

int run(const std::string &program, long a, long b, const std::vector<int> &rest) {
	if (program == "contended") {
		for (int n : rest)
			contended(a, n);
	} else if (program == "pingpong") {
		pingpong(a);
	} else if (program == "map") {
		map(a, b);
	} else if (program == "create_destroy") {
		median("-", a, b, [] { shared(object.c_str(), 4096); });
	} else if (program == "open") {
		shared s(object.c_str(), 4096);
		median("-", a, b, [] { mapped_region(shared_memory_object(open_only, object.c_str(), read_write), read_write); });
	} else {
		shared s(object.c_str(), 65536);
		state *x = s.make<state>();
		if (program == "mutex_pair")
			median("-", a, b, [x] { x->mutex.lock(), x->mutex.unlock(); });
		else if (program == "semaphore_pair")
			median("-", a, b, [x] { x->ping.post(), x->ping.try_wait(); });
		else
			return 2;
	}
	return 0;
}

} // namespace

int main(int argc, char **argv) {
	if (argc < 4)
		return 2;
	object = "atoll-bench-" + std::to_string(getpid());
	std::vector<int> rest;
	for (int i = 4; i < argc; i++)
		rest.push_back(std::atoi(argv[i]));
	return run(argv[1], std::atol(argv[3]), rest.empty() ? 0 : rest[0], rest);
}
