#define _GNU_SOURCE
#include "descriptors.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal.h"

#define MAX_DESCRIPTORS 65536

static struct descriptor descriptors[MAX_DESCRIPTORS];

struct descriptor *descriptor_find(int fd) {
  if (fd < 0 || fd >= MAX_DESCRIPTORS || descriptors[fd].inode == 0 || !journal_records()) return NULL;
  // A descriptor may be closed and opened for something else where nobody sees it, within the C library.
  struct stat now;
  if (fstat(fd, &now) == 0 && now.st_ino == descriptors[fd].inode) return &descriptors[fd];
  descriptor_remove(fd);
  return NULL;
}

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), end_length = strlen(end);
  return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

// Whether the path matches one of the patterns in POWER_CUT_LOSE_SYNCS, which colons separate.
static bool loses_syncs(const char *path) {
  const char *patterns = getenv("POWER_CUT_LOSE_SYNCS");
  char pattern[PATH_MAX];
  while (patterns && *patterns) {
    size_t length = strcspn(patterns, ":");
    snprintf(pattern, sizeof pattern, "%.*s", (int)length, patterns);
    if (fnmatch(pattern, path, 0) == 0) return true;
    patterns += length + (patterns[length] == ':');
  }
  return false;
}

struct descriptor *descriptor_add(int fd, char *path) {
  if (fd < 0 || fd >= MAX_DESCRIPTORS) return NULL;
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length < 0) return NULL;
  path[length] = '\0';
  struct stat found;
  if (!journal_covers(path) || fstat(fd, &found) != 0) return NULL;
  descriptors[fd] = (struct descriptor){
      .inode = found.st_ino,
      .is_shared_memory = ends_with(path, "-shm"),
      .loses_syncs = loses_syncs(path),
  };
  return &descriptors[fd];
}

void descriptor_copy(int fd, int copy) {
  if (copy < 0 || copy >= MAX_DESCRIPTORS) return;
  descriptors[copy] = fd >= 0 && fd < MAX_DESCRIPTORS ? descriptors[fd] : (struct descriptor){0};
}

void descriptor_remove(int fd) {
  if (fd >= 0 && fd < MAX_DESCRIPTORS && journal_records()) descriptors[fd] = (struct descriptor){0};
}

bool descriptor_path(int at, const char *name, char *path) {
  if (!journal_records() || name == NULL) return false;
  char joined[PATH_MAX], folder[PATH_MAX], last[PATH_MAX];
  if (name[0] == '/' || at == AT_FDCWD) {
    snprintf(joined, sizeof joined, "%s", name);
  } else {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", at);
    ssize_t length = readlink(link, joined, sizeof joined - 1);
    if (length < 0) return false;
    snprintf(joined + length, sizeof joined - (size_t)length, "/%s", name);
  }
  snprintf(last, sizeof last, "%s", joined);
  if (realpath(dirname(joined), folder) == NULL) return false;
  int length = snprintf(path, PATH_MAX, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, basename(last));
  return length < PATH_MAX && journal_covers(path);
}
