import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestServer } from './servers.ts';

/** A small disk, mounted until it goes out of scope. */
export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
}

/** The permission to mount a tmpfs, which root has, for `describeWithServer`. */
export const smallDisk: TestServer = { name: 'tmpfs, mounted by root', version: versionIfMountable() };

export function mountSmallDisk(megabytes: number): SmallDisk {
  const path = mount(megabytes);
  return {
    path,
    async [Symbol.asyncDispose]() {
      unmount(path);
      await rm(path, { recursive: true });
    },
  };
}

function versionIfMountable(): string | undefined {
  try {
    const path = mount(1);
    unmount(path);
    rmdirSync(path);
    return 'of this kernel';
  } catch {
    return undefined;
  }
}

function mount(megabytes: number): string {
  const path = mkdtempSync(join(tmpdir(), 'mesh-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'mesh-test', path], { stdio: 'ignore' });
    return path;
  } catch (error) {
    rmdirSync(path);
    throw error;
  }
}

/** Unmounts even if a process has open files: the system frees the disk when that process exits. */
function unmount(path: string): void {
  execFileSync('umount', ['-l', path], { stdio: 'ignore' });
}
