// Preloaded into a command by kill_test.py: counts what it changes in the file system, and before the KILL_AT-th of these
// calls sends the process KILL_SIGNAL. With KILL_COUNT the number of calls is written to that file at the end.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;
static long kill_at;
static int kill_signal;
static char count_file[4096];

// Constructors of other libraries come first and may call what is counted.
__attribute__((constructor)) static void begin(void) {
  static int begun;
  if (begun) return;
  begun = 1;
  const char* at = getenv("KILL_AT");
  const char* number = getenv("KILL_SIGNAL");
  const char* file = getenv("KILL_COUNT");
  kill_at = at ? atol(at) : 0;
  kill_signal = number ? atoi(number) : SIGKILL;
  if (file) snprintf(count_file, sizeof count_file, "%s", file);
  unsetenv("LD_PRELOAD");  // programs that it starts are not counted
}

__attribute__((destructor)) static void end(void) {
  if (!count_file[0]) return;
  FILE* out = fopen(count_file, "w");
  if (!out) return;
  fprintf(out, "%ld\n", atomic_load(&calls));
  fclose(out);
}

static void count(void) {
  begin();
  if (atomic_fetch_add(&calls, 1) + 1 == kill_at) raise(kill_signal);
}

static void count_fd(int fd) {
  struct stat status;
  if (fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))) count();
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define COUNTED(result, name, parameters, arguments) \
  result name parameters {                           \
    count();                                         \
    return NEXT(name) arguments;                     \
  }
#define COUNTED_FD(result, name, parameters, arguments) \
  result name parameters {                              \
    count_fd(fd);                                       \
    return NEXT(name) arguments;                        \
  }

COUNTED(int, rename, (const char* a, const char* b), (a, b))
COUNTED(int, renameat, (int d, const char* a, int e, const char* b), (d, a, e, b))
COUNTED(int, renameat2, (int d, const char* a, int e, const char* b, unsigned f), (d, a, e, b, f))
COUNTED(int, unlink, (const char* a), (a))
COUNTED(int, unlinkat, (int d, const char* a, int f), (d, a, f))
COUNTED(int, remove, (const char* a), (a))
COUNTED(int, rmdir, (const char* a), (a))
COUNTED(int, mkdir, (const char* a, mode_t m), (a, m))
COUNTED(int, mkdirat, (int d, const char* a, mode_t m), (d, a, m))
COUNTED(int, link, (const char* a, const char* b), (a, b))
COUNTED(int, linkat, (int d, const char* a, int e, const char* b, int f), (d, a, e, b, f))
COUNTED(int, symlink, (const char* a, const char* b), (a, b))
COUNTED(int, symlinkat, (const char* a, int d, const char* b), (a, d, b))
COUNTED(int, truncate, (const char* a, off_t n), (a, n))
COUNTED(int, truncate64, (const char* a, off64_t n), (a, n))
COUNTED_FD(int, ftruncate, (int fd, off_t n), (fd, n))
COUNTED_FD(int, ftruncate64, (int fd, off64_t n), (fd, n))
COUNTED_FD(int, fsync, (int fd), (fd))
COUNTED_FD(int, fdatasync, (int fd), (fd))
COUNTED_FD(ssize_t, write, (int fd, const void* p, size_t n), (fd, p, n))
COUNTED_FD(ssize_t, writev, (int fd, const struct iovec* p, int n), (fd, p, n))
COUNTED_FD(ssize_t, pwrite, (int fd, const void* p, size_t n, off_t o), (fd, p, n, o))
COUNTED_FD(ssize_t, pwrite64, (int fd, const void* p, size_t n, off64_t o), (fd, p, n, o))

#define OPENED(name, parameters, arguments)            \
  int name parameters {                                \
    mode_t mode = 0;                                   \
    if (flags & (O_CREAT | __O_TMPFILE)) {             \
      va_list rest;                                    \
      va_start(rest, flags);                           \
      mode = va_arg(rest, mode_t);                     \
      va_end(rest);                                    \
    }                                                  \
    if ((flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC)) count(); \
    return NEXT(name) arguments;                       \
  }
OPENED(open, (const char* a, int flags, ...), (a, flags, mode))
OPENED(open64, (const char* a, int flags, ...), (a, flags, mode))
OPENED(openat, (int d, const char* a, int flags, ...), (d, a, flags, mode))
OPENED(openat64, (int d, const char* a, int flags, ...), (d, a, flags, mode))
