import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Change, Content } from './content.ts';
import { type JournalRecord, kinds } from './journal.ts';

/** A file, of whose content the last changes may not be on the disk. */
export interface DiskFile {
  readonly is: 'file';
  readonly durable: Content;
  /** In order. */
  pending: Change[];
}

/** A name that appears in a folder, or that disappears if `node` is undefined. */
export interface NameChange {
  readonly at: number;
  readonly name: string;
  readonly node: DiskNode | undefined;
}

/** A folder, of whose names the last changes may not be on the disk. */
export interface DiskFolder {
  readonly is: 'folder';
  /** As the process sees it. */
  readonly live: Map<string, DiskNode>;
  readonly durable: Map<string, DiskNode>;
  pending: NameChange[];
}

export type DiskNode = DiskFile | DiskFolder;

/**
 * What a disk holds for certain after some records of a journal, and what it may hold. Certain is what a completed sync
 * covers: content that was written before that sync began, and names whose folder was synced. A sync of a file does not
 * make its name durable: some file systems do that, POSIX does not demand it.
 */
export class Disk {
  readonly root: DiskFolder;
  readonly #path: string;
  readonly #byInode = new Map<bigint, DiskNode>();
  readonly #syncs = new Map<number, { readonly begun: number; readonly nodes: readonly DiskNode[] }>();

  /** The disk as it was when recording began: all of `base` is durable. `path` is where the process saw it. */
  constructor(base: string, path: string) {
    this.#path = path;
    this.root = readFolder(base);
  }

  /** Applies the record number `at`. */
  apply(record: JournalRecord, at: number): void {
    const { kind, inode, offset, path, other, data } = record;
    if (kind === kinds.open) this.#byInode.set(inode, this.#find(path));
    else if (kind === kinds.create) {
      const file = newFile();
      this.#byInode.set(inode, file);
      this.#name(at, path, file);
    } else if (kind === kinds.write) this.#fileOf(inode).pending.push({ at, offset, data });
    else if (kind === kinds.size) this.#fileOf(inode).pending.push({ at, size: offset });
    else if (kind === kinds.rename) {
      const node = this.#find(path);
      this.#name(at, path, undefined);
      this.#name(at, other, node);
    } else if (kind === kinds.link) this.#name(at, other, this.#find(path));
    else if (kind === kinds.mkdir) this.#name(at, path, newFolder());
    else if (kind === kinds.unlink || kind === kinds.rmdir) this.#name(at, path, undefined);
    else if (kind === kinds.syncBegin) this.#syncs.set(offset, { begun: at, nodes: this.#synced(inode) });
    else if (kind === kinds.syncEnd) this.#endSync(offset);
    else if (kind !== kinds.mark) throw new Error(`unknown record ${kind}`);
  }

  #endSync(number: number): void {
    const { begun = 0, nodes = [] } = this.#syncs.get(number) ?? {};
    this.#syncs.delete(number);
    for (const node of nodes) {
      if (node.is === 'file') {
        for (const change of node.pending) if (change.at < begun) node.durable.apply(change);
        node.pending = node.pending.filter(({ at }) => at > begun);
      } else {
        for (const change of node.pending) if (change.at < begun) applyName(node.durable, change);
        node.pending = node.pending.filter(({ at }) => at > begun);
      }
    }
  }

  #synced(inode: bigint): readonly DiskNode[] {
    if (inode === 0n) return [...this.#byInode.values()];
    const node = this.#byInode.get(inode);
    if (!node) throw new Error(`a sync of the unknown file ${inode}`);
    return [node];
  }

  #fileOf(inode: bigint): DiskFile {
    const node = this.#byInode.get(inode);
    if (node?.is !== 'file') throw new Error(`a write to the unknown file ${inode}`);
    return node;
  }

  #name(at: number, path: string, node: DiskNode | undefined): void {
    const folder = this.#find(dirname(path));
    if (folder.is !== 'folder') throw new Error(`${dirname(path)} is not a folder`);
    const change = { at, name: basename(path), node };
    applyName(folder.live, change);
    folder.pending.push(change);
  }

  #find(path: string): DiskNode {
    let node: DiskNode = this.root;
    for (const name of path.slice(this.#path.length).split('/').filter(Boolean)) {
      const next: DiskNode | undefined = node.is === 'folder' ? node.live.get(name) : undefined;
      if (!next) throw new Error(`the journal has not recorded how ${path} came to be`);
      node = next;
    }
    return node;
  }
}

/** Applies a change to the names of a folder. */
export function applyName(names: Map<string, DiskNode>, { name, node }: NameChange): void {
  if (node) names.set(name, node);
  else names.delete(name);
}

function newFile(content = new Content()): DiskFile {
  return { is: 'file', durable: content, pending: [] };
}

function newFolder(names = new Map<string, DiskNode>()): DiskFolder {
  return { is: 'folder', live: names, durable: new Map(names), pending: [] };
}

function readFolder(path: string): DiskFolder {
  const names = readdirSync(path, { withFileTypes: true }).map((entry): [string, DiskNode] => {
    const found = join(path, entry.name);
    return [entry.name, entry.isDirectory() ? readFolder(found) : newFile(new Content(readFileSync(found)))];
  });
  return newFolder(new Map(names));
}
