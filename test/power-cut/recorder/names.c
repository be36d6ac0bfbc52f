// Records what changes names: opening, renaming, linking and removing files and folders.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "descriptors.h"
#include "journal.h"
#include "real.h"

__attribute__((constructor)) static void begin(void) {
  const char *file = getenv("POWER_CUT_JOURNAL"), *root = getenv("POWER_CUT_ROOT");
  if (file == NULL || root == NULL) return;
  // What this process starts is not recorded: a journal belongs to one process.
  unsetenv("LD_PRELOAD");
  journal_open(file, root);
}

static void append(enum record_kind kind, const char *path, const char *other, uint64_t inode, uint64_t offset) {
  struct record record = {.kind = kind, .path = path, .other = other, .inode = inode, .offset = offset};
  journal_append(&record, NULL, 0, 0);
}

static int open_recorded(int at, const char *name, int flags, mode_t mode) {
  char path[PATH_MAX];
  bool changes = (flags & (O_CREAT | O_TRUNC)) != 0 && descriptor_path(at, name, path);
  bool is_temporary = (flags & O_TMPFILE) == O_TMPFILE;
  // Without the lock unless it changes something: it may wait, at a pipe.
  if (changes) journal_lock();
  struct stat before;
  bool existed = changes && fstatat(at, name, &before, 0) == 0;
  int fd = REAL(openat)(at, name, flags, mode);
  int failure = errno;
  struct descriptor *opened = fd >= 0 && journal_records() ? descriptor_add(fd, path) : NULL;
  if (opened) {
    if (!changes) journal_lock();
    if (is_temporary) append(RECORD_NOT_MODELLED, "O_TMPFILE", NULL, 0, 0);
    append(changes && !existed ? RECORD_CREATE : RECORD_OPEN, path, NULL, opened->inode, 0);
    if (existed && (flags & O_TRUNC)) append(RECORD_SIZE, NULL, NULL, opened->inode, 0);
  }
  if (changes || opened) journal_unlock();
  errno = failure;
  return fd;
}

static mode_t mode_of(int flags, va_list arguments) {
  return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(arguments, mode_t) : 0;
}

int open(const char *name, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_recorded(AT_FDCWD, name, flags, mode);
}
int open64(const char *name, int flags, ...) __attribute__((alias("open")));

int openat(int at, const char *name, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_recorded(at, name, flags, mode);
}
int openat64(int at, const char *name, int flags, ...) __attribute__((alias("openat")));

int creat(const char *name, mode_t mode) { return open_recorded(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *name, mode_t mode) __attribute__((alias("creat")));

// Makes a change of one name and appends its record if it succeeds.
#define CHANGE(kind, at, name, call)                                                                                   \
  char path[PATH_MAX];                                                                                                 \
  if (!descriptor_path(at, name, path)) return call;                                                                   \
  journal_lock();                                                                                                      \
  int result = call;                                                                                                   \
  int failure = errno;                                                                                                 \
  if (result == 0) append(kind, path, NULL, 0, 0);                                                                     \
  journal_unlock();                                                                                                    \
  errno = failure;                                                                                                     \
  return result

int mkdir(const char *name, mode_t mode) { CHANGE(RECORD_MKDIR, AT_FDCWD, name, REAL(mkdir)(name, mode)); }
int mkdirat(int at, const char *name, mode_t mode) { CHANGE(RECORD_MKDIR, at, name, REAL(mkdirat)(at, name, mode)); }
int rmdir(const char *name) { CHANGE(RECORD_RMDIR, AT_FDCWD, name, REAL(rmdir)(name)); }
int unlink(const char *name) { CHANGE(RECORD_UNLINK, AT_FDCWD, name, REAL(unlink)(name)); }
int unlinkat(int at, const char *name, int flags) {
  CHANGE(flags & AT_REMOVEDIR ? RECORD_RMDIR : RECORD_UNLINK, at, name, REAL(unlinkat)(at, name, flags));
}
int remove(const char *name) {
  struct stat found;
  return lstat(name, &found) == 0 && S_ISDIR(found.st_mode) ? rmdir(name) : unlink(name);
}
int symlink(const char *to, const char *name) {
  CHANGE(RECORD_NOT_MODELLED, AT_FDCWD, name, REAL(symlink)(to, name));
}

// Makes a change of two names and appends its record if it succeeds.
#define CHANGE_BOTH(kind, at, name, other_at, other_name, is_modelled, call)                                           \
  char path[PATH_MAX], other[PATH_MAX];                                                                                \
  bool from = descriptor_path(at, name, path), to = descriptor_path(other_at, other_name, other);                      \
  if (!from && !to) return call;                                                                                       \
  journal_lock();                                                                                                      \
  int result = call;                                                                                                   \
  int failure = errno;                                                                                                 \
  if (result == 0) append(from && to && (is_modelled) ? kind : RECORD_NOT_MODELLED, path, other, 0, 0);                \
  journal_unlock();                                                                                                    \
  errno = failure;                                                                                                     \
  return result

int rename(const char *name, const char *new) {
  CHANGE_BOTH(RECORD_RENAME, AT_FDCWD, name, AT_FDCWD, new, true, REAL(rename)(name, new));
}
int renameat(int at, const char *name, int new_at, const char *new) {
  CHANGE_BOTH(RECORD_RENAME, at, name, new_at, new, true, REAL(renameat)(at, name, new_at, new));
}
int renameat2(int at, const char *name, int new_at, const char *new, unsigned flags) {
  CHANGE_BOTH(RECORD_RENAME, at, name, new_at, new, (flags & ~RENAME_NOREPLACE) == 0,
              REAL(renameat2)(at, name, new_at, new, flags));
}
int link(const char *name, const char *new) {
  CHANGE_BOTH(RECORD_LINK, AT_FDCWD, name, AT_FDCWD, new, true, REAL(link)(name, new));
}
int linkat(int at, const char *name, int new_at, const char *new, int flags) {
  CHANGE_BOTH(RECORD_LINK, at, name, new_at, new, flags == 0, REAL(linkat)(at, name, new_at, new, flags));
}
