// The open descriptors of files and folders below the recorded folder.

#ifndef DESCRIPTORS_H
#define DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>

struct descriptor {
  uint64_t inode; // 0: not recorded
  bool is_shared_memory; // a -shm file of SQLite, which it makes again after a crash
  bool loses_syncs; // a planted bug
};

// Returns the descriptor if it is recorded, else NULL.
struct descriptor *descriptor_find(int fd);

// Starts to record `fd` if its file is below the folder. Writes its path to `path` (PATH_MAX). Returns it if it is recorded.
struct descriptor *descriptor_add(int fd, char *path);

// `copy` refers to the same open file as `fd` from now on.
void descriptor_copy(int fd, int copy);

void descriptor_remove(int fd);

// Writes the absolute path of `name`, seen from the folder `at`, to `path` (PATH_MAX), without following a link at its end.
// Returns whether it is below the recorded folder.
bool descriptor_path(int at, const char *name, char *path);

#endif
