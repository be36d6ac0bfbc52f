#define _GNU_SOURCE
#include "journal.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct header {
  uint32_t kind;
  uint32_t path_length;
  uint32_t other_length;
  uint32_t data_length;
  uint64_t inode;
  uint64_t offset;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_length;
static int file = -1;
static pid_t owner;

void journal_open(const char *path, const char *folder) {
  root_length = strlen(folder);
  memcpy(root, folder, root_length + 1);
  owner = getpid();
  // By the kernel, not by the functions that are recorded.
  int opened = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (opened < 0) {
    perror(path);
    abort();
  }
  file = opened;
}

bool journal_records(void) { return file >= 0 && getpid() == owner; }

bool journal_covers(const char *path) {
  return strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || path[root_length] == '\0');
}

void journal_lock(void) { pthread_mutex_lock(&lock); }

void journal_unlock(void) { pthread_mutex_unlock(&lock); }

void journal_append(const struct record *record, const struct iovec *data, int parts, size_t length) {
  const char *path = record->path ? record->path : "";
  const char *other = record->other ? record->other : "";
  struct header header = {
      .kind = record->kind,
      .path_length = (uint32_t)strlen(path),
      .other_length = (uint32_t)strlen(other),
      .data_length = (uint32_t)length,
      .inode = record->inode,
      .offset = record->offset,
  };
  struct iovec all[IOV_MAX];
  int count = 0;
  size_t total = sizeof header + header.path_length + header.other_length + length;
  all[count++] = (struct iovec){&header, sizeof header};
  all[count++] = (struct iovec){(void *)path, header.path_length};
  all[count++] = (struct iovec){(void *)other, header.other_length};
  // Less than was given may have been written.
  for (int part = 0; part < parts && length > 0 && count < IOV_MAX; part++) {
    size_t taken = data[part].iov_len < length ? data[part].iov_len : length;
    all[count++] = (struct iovec){data[part].iov_base, taken};
    length -= taken;
  }
  if (length > 0 || syscall(SYS_writev, file, all, count) != (long)total) {
    perror("the journal cannot be written");
    abort();
  }
}
