# What Python's multiprocessing.shared_memory can do, called as the other programs:
# PROGRAM SUBJECT SIZE...
import multiprocessing
import os
import statistics
import sys
import time
from multiprocessing import resource_tracker, shared_memory

program, sizes = sys.argv[1], [int(n) for n in sys.argv[3:]]
block = 1 << 20
name = "atoll-bench-%d" % os.getpid()


def median(part, f):
    chunks, n = sizes
    f()
    took = []
    for _ in range(chunks):
        start = time.perf_counter_ns()
        for _ in range(n):
            f()
        took.append((time.perf_counter_ns() - start) / n)
    print(part, statistics.median(took))


def attach():  # not tracked where Python allows it: the tracker would remove it
    if sys.version_info >= (3, 13):
        return shared_memory.SharedMemory(name, track=False)
    s = shared_memory.SharedMemory(name)
    resource_tracker.unregister(s._name, "shared_memory")
    return s


def create(size):
    return shared_memory.SharedMemory(name, create=True, size=size)


def open_():
    s = create(4096)
    median("-", lambda: attach().close())
    s2 = s
    s2.close()
    if sys.version_info < (3, 13):  # what attach has undone is undone by unlink, too
        resource_tracker.register(s2._name, "shared_memory")
    s2.unlink()


def create_destroy():
    def once():
        s = create(4096)
        s.close()
        s.unlink()

    median("-", once)


def consume(semaphores, n):
    free, full = semaphores
    s = attach()
    for i in range(n):
        full.acquire()
        at = i % 8 * block
        if s.buf[at] != i % 256 or s.buf[at + block - 1] != 1:
            sys.exit("block %d is another" % i)
        free.release()
    s.close()


def bulk():
    n = sizes[0]
    context = multiprocessing.get_context("fork")
    s = create(8 * block)
    s.buf[:] = bytes(8 * block)
    free, full = context.Semaphore(8), context.Semaphore(0)
    other = context.Process(target=consume, args=((free, full), n))
    other.start()
    data = bytearray(b"\1" * block)
    start = time.perf_counter_ns()
    for i in range(n):
        free.acquire()
        data[0] = i % 256
        at = i % 8 * block
        s.buf[at : at + block] = data
        full.release()
    other.join()
    print("-", n * block / (time.perf_counter_ns() - start))
    s.close()
    if sys.version_info < (3, 13):
        resource_tracker.register(s._name, "shared_memory")
    s.unlink()
    if other.exitcode != 0:
        sys.exit("the other process failed")


{"open": open_, "create_destroy": create_destroy, "bulk": bulk}[program]()
