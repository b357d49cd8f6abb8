/* A disk that takes its time: under this shim every fsync and fdatasync lasts at least SLOW_SYNC_US microseconds, as on
   the consumer SSD of a clinic's PC. It is put under the daemon and under what the daemon is compared with, alike.

   gcc -O2 -shared -fPIC -o slow-sync.so slow-sync.c -ldl; LD_PRELOAD=slow-sync.so SLOW_SYNC_US=4000 PROGRAM */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

typedef int sync_call(int);

static sync_call *real_fsync, *real_fdatasync;
static long least_us;

__attribute__((constructor)) static void set_up(void) {
  const char *text = getenv("SLOW_SYNC_US");
  least_us = text ? atol(text) : 0;
  real_fsync = (sync_call *)dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = (sync_call *)dlsym(RTLD_NEXT, "fdatasync");
}

/* The end is an instant, so that the time of the real call counts, and a signal does not begin the wait anew. */
static int slowed(sync_call *real, int fd) {
  struct timespec end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_sec += least_us / 1000000;
  end.tv_nsec += least_us % 1000000 * 1000;
  if (end.tv_nsec >= 1000000000) {
    end.tv_sec += 1;
    end.tv_nsec -= 1000000000;
  }
  int outcome = real(fd), why = errno;
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR) {
  }
  errno = why;
  return outcome;
}

int fsync(int fd) { return slowed(real_fsync, fd); }
int fdatasync(int fd) { return slowed(real_fdatasync, fd); }
