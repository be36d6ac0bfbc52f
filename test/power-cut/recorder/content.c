// Records what changes the content of files, and what makes it durable.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "descriptors.h"
#include "journal.h"
#include "real.h"

static void not_modelled(const char *what) {
  struct record record = {.kind = RECORD_NOT_MODELLED, .path = what};
  journal_lock();
  journal_append(&record, NULL, 0, 0);
  journal_unlock();
}

static void append_write(const struct descriptor *file, off_t offset, const struct iovec *data, int parts, ssize_t done) {
  struct record record = {.kind = RECORD_WRITE, .inode = file->inode, .offset = (uint64_t)offset};
  if (done > 0) journal_append(&record, data, parts, (size_t)done);
}

// Writes with `call` and appends what was written, at `offset` or, if it is negative, where the file's position was.
#define WRITE(fd, offset, data, parts, call)                                                                           \
  struct descriptor *file = descriptor_find(fd);                                                                       \
  if (file == NULL) return call;                                                                                       \
  journal_lock();                                                                                                      \
  ssize_t done = call;                                                                                                 \
  int failure = errno;                                                                                                 \
  append_write(file, offset < 0 ? lseek(fd, 0, SEEK_CUR) - done : offset, data, parts, done);                          \
  journal_unlock();                                                                                                    \
  errno = failure;                                                                                                     \
  return done

ssize_t write(int fd, const void *bytes, size_t length) {
  struct iovec data = {(void *)bytes, length};
  WRITE(fd, (off_t)-1, &data, 1, REAL(write)(fd, bytes, length));
}
ssize_t writev(int fd, const struct iovec *data, int parts) {
  WRITE(fd, (off_t)-1, data, parts, REAL(writev)(fd, data, parts));
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  struct iovec data = {(void *)bytes, length};
  WRITE(fd, offset, &data, 1, REAL(pwrite)(fd, bytes, length, offset));
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) __attribute__((alias("pwrite")));
ssize_t pwritev(int fd, const struct iovec *data, int parts, off_t offset) {
  WRITE(fd, offset, data, parts, REAL(pwritev)(fd, data, parts, offset));
}
ssize_t pwritev64(int fd, const struct iovec *data, int parts, off_t offset) __attribute__((alias("pwritev")));
ssize_t pwritev2(int fd, const struct iovec *data, int parts, off_t offset, int flags) {
  WRITE(fd, offset, data, parts, REAL(pwritev2)(fd, data, parts, offset, flags));
}
ssize_t pwritev64v2(int fd, const struct iovec *data, int parts, off_t offset, int flags)
    __attribute__((alias("pwritev2")));

// Changes the size of a file with `call`, and appends its size after that.
#define RESIZE(fd, call)                                                                                               \
  struct descriptor *file = descriptor_find(fd);                                                                       \
  if (file == NULL) return call;                                                                                       \
  journal_lock();                                                                                                      \
  int result = call;                                                                                                   \
  int failure = errno;                                                                                                 \
  struct stat now;                                                                                                     \
  if (result == 0 && fstat(fd, &now) == 0) {                                                                           \
    struct record record = {.kind = RECORD_SIZE, .inode = file->inode, .offset = (uint64_t)now.st_size};               \
    journal_append(&record, NULL, 0, 0);                                                                               \
  }                                                                                                                    \
  journal_unlock();                                                                                                    \
  errno = failure;                                                                                                     \
  return result

int ftruncate(int fd, off_t size) { RESIZE(fd, REAL(ftruncate)(fd, size)); }
int ftruncate64(int fd, off_t size) __attribute__((alias("ftruncate")));
int fallocate(int fd, int mode, off_t offset, off_t length) {
  if ((mode & ~FALLOC_FL_KEEP_SIZE) != 0 && descriptor_find(fd)) not_modelled("fallocate");
  RESIZE(fd, REAL(fallocate)(fd, mode, offset, length));
}
int fallocate64(int fd, int mode, off_t offset, off_t length) __attribute__((alias("fallocate")));
int posix_fallocate(int fd, off_t offset, off_t length) { RESIZE(fd, REAL(posix_fallocate)(fd, offset, length)); }
int posix_fallocate64(int fd, off_t offset, off_t length) __attribute__((alias("posix_fallocate")));
int truncate(const char *name, off_t size) {
  char path[PATH_MAX];
  if (descriptor_path(AT_FDCWD, name, path)) not_modelled("truncate");
  return REAL(truncate)(name, size);
}
int truncate64(const char *name, off_t size) __attribute__((alias("truncate")));

// A disk takes POWER_CUT_SYNC_US microseconds. Nothing is written: the content is in the journal, and a kill keeps the rest.
static void wait_for_disk(void) {
  const char *microseconds = getenv("POWER_CUT_SYNC_US");
  long us = microseconds ? atol(microseconds) : 0;
  struct timespec time = {us / 1000000, us % 1000000 * 1000};
  if (us > 0) nanosleep(&time, NULL);
}

// Whether this sync does nothing, because of a planted bug: from when the test has created the file on.
static bool is_lost(const struct descriptor *file) {
  const char *from = getenv("POWER_CUT_LOSE_FROM");
  return file->loses_syncs && from && access(from, F_OK) == 0;
}

static int sync_recorded(uint64_t inode, bool is_lost) {
  static atomic_ulong count;
  struct record record = {.kind = RECORD_SYNC_BEGIN, .inode = inode, .offset = ++count};
  if (!is_lost) {
    journal_lock();
    journal_append(&record, NULL, 0, 0);
    journal_unlock();
  }
  wait_for_disk();
  record.kind = RECORD_SYNC_END;
  if (!is_lost) {
    journal_lock();
    journal_append(&record, NULL, 0, 0);
    journal_unlock();
  }
  return 0;
}

int fsync(int fd) {
  struct descriptor *file = descriptor_find(fd);
  return file ? sync_recorded(file->inode, is_lost(file)) : REAL(fsync)(fd);
}
int fdatasync(int fd) {
  struct descriptor *file = descriptor_find(fd);
  return file ? sync_recorded(file->inode, is_lost(file)) : REAL(fdatasync)(fd);
}
int syncfs(int fd) { return descriptor_find(fd) ? sync_recorded(0, false) : REAL(syncfs)(fd); }
void sync(void) {
  if (journal_records()) sync_recorded(0, false);
  else REAL(sync)();
}

void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
  struct descriptor *file = (flags & MAP_SHARED) && (protection & PROT_WRITE) ? descriptor_find(fd) : NULL;
  if (file && !file->is_shared_memory) not_modelled("mmap, shared and writable");
  return REAL(mmap)(at, length, protection, flags, fd, offset);
}
void *mmap64(void *at, size_t length, int protection, int flags, int fd, off_t offset) __attribute__((alias("mmap")));

ssize_t sendfile(int to, int from, off_t *offset, size_t length) {
  if (descriptor_find(to)) not_modelled("sendfile");
  return REAL(sendfile)(to, from, offset, length);
}
ssize_t sendfile64(int to, int from, off_t *offset, size_t length) __attribute__((alias("sendfile")));
ssize_t copy_file_range(int from, off_t *from_offset, int to, off_t *to_offset, size_t length, unsigned flags) {
  if (descriptor_find(to)) not_modelled("copy_file_range");
  return REAL(copy_file_range)(from, from_offset, to, to_offset, length, flags);
}

int close(int fd) {
  descriptor_remove(fd);
  return REAL(close)(fd);
}
int dup(int fd) {
  int copy = REAL(dup)(fd);
  descriptor_copy(fd, copy);
  return copy;
}
int dup2(int fd, int copy) {
  int result = REAL(dup2)(fd, copy);
  if (result >= 0 && fd != copy && journal_records()) descriptor_copy(fd, copy);
  return result;
}
int dup3(int fd, int copy, int flags) {
  int result = REAL(dup3)(fd, copy, flags);
  if (result >= 0 && journal_records()) descriptor_copy(fd, copy);
  return result;
}
int fcntl(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  int result = REAL(fcntl)(fd, command, argument);
  if (result >= 0 && (command == F_DUPFD || command == F_DUPFD_CLOEXEC)) descriptor_copy(fd, result);
  return result;
}
int fcntl64(int fd, int command, ...) __attribute__((alias("fcntl")));

// libuv calls some functions of the kernel by number.
long syscall(long number, ...) {
  va_list arguments;
  va_start(arguments, number);
  long a[6];
  for (int index = 0; index < 6; index++) a[index] = va_arg(arguments, long);
  va_end(arguments);
  if (number == SYS_io_uring_setup) {
    errno = ENOSYS;
    return -1;
  }
  if (number == SYS_close) descriptor_remove((int)a[0]);
  if (number == SYS_copy_file_range && descriptor_find((int)a[2])) not_modelled("copy_file_range");
  return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
