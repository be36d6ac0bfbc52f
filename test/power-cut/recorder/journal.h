// The journal of a recorded process: what it told the kernel to change below one folder, in order.
// A record is one write to the journal: a header in the machine's byte order, then both paths, then the data.

#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum record_kind {
  RECORD_OPEN = 1,       // path, inode: a file or folder that exists
  RECORD_CREATE = 2,     // path, inode: a new, empty file
  RECORD_WRITE = 3,      // inode, offset, data
  RECORD_SIZE = 4,       // inode, offset: the new size
  RECORD_RENAME = 5,     // path, other path
  RECORD_LINK = 6,       // path, other path: the new name
  RECORD_UNLINK = 7,     // path
  RECORD_MKDIR = 8,      // path
  RECORD_RMDIR = 9,      // path
  RECORD_SYNC_BEGIN = 10, // inode, or 0 for all; offset: the number of this sync
  RECORD_SYNC_END = 11,  // the same
  RECORD_NOT_MODELLED = 12, // path: what was done, for the message of the test
};

struct record {
  enum record_kind kind;
  uint64_t inode;
  uint64_t offset;
  const char *path;
  const char *other;
};

// Opens the journal. Everything below `root` is recorded from now on.
void journal_open(const char *file, const char *root);

// Whether this process records. Not in a child between fork and exec, which shares the journal.
bool journal_records(void);

// Whether an absolute path is the recorded folder or below it.
bool journal_covers(const char *path);

// One lock for changes and their records, so that their order is the same.
void journal_lock(void);
void journal_unlock(void);

// Appends a record. The caller holds the lock.
void journal_append(const struct record *record, const struct iovec *data, int parts, size_t length);

#endif
