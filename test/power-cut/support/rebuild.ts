import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { applyName, Disk, type DiskFolder, type DiskNode } from './disk.ts';
import type { JournalRecord } from './journal.ts';
import type { Variant } from './variants.ts';

/** A recorded process: the folder before it started, where it saw it, and what it did. */
export interface RecordedRun {
  readonly base: string;
  readonly root: string;
  readonly records: readonly JournalRecord[];
}

/**
 * Writes to `target` what a disk may hold if the power fails at `position`, a size of the journal. Memory that processes share
 * (`-shm`) is left out: SQLite makes it again when it finds nobody else.
 */
export function rebuild(run: RecordedRun, position: number, variant: Variant, target: string): void {
  const disk = new Disk(run.base, run.root);
  for (const [at, record] of run.records.entries()) {
    if (record.end > position) break;
    disk.apply(record, at);
  }
  writeFolder(disk.root, variant, target, '');
}

function writeFolder(folder: DiskFolder, variant: Variant, target: string, path: string): void {
  mkdirSync(target, { recursive: true, mode: 0o700 });
  const names = new Map<string, DiskNode>(folder.durable);
  for (const change of folder.pending) {
    if (variant.hasName(join(path, change.name), change)) applyName(names, change);
  }
  for (const [name, node] of names) {
    const [to, below] = [join(target, name), join(path, name)];
    if (node.is === 'folder') writeFolder(node, variant, to, below);
    else if (!name.endsWith('-shm')) {
      const content = node.durable.copy();
      for (const change of variant.content(below, node.pending)) content.apply(change);
      writeFileSync(to, content.bytes(), { mode: 0o600 });
    }
  }
}
