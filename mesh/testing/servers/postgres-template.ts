import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installedPostgres, postgresProgram, type SystemUser } from './postgres-node.ts';

const cache = fileURLToPath(new URL('../../../.cache', import.meta.url));
const initialize = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale', 'C', '--no-sync'];

/**
 * Makes the data folder of a new server. `initdb` runs once for each version and user of the system, and later servers
 * get a copy of its data, because it takes six times as long as a copy.
 */
export function copyNewDatabase(data: string, user: SystemUser | undefined): void {
  const template = join(cache, `postgres-${installedPostgres()}-${user?.uid ?? process.getuid?.()}`);
  if (!existsSync(template)) createTemplate(template, user);
  copy(template, data);
}

/** Runs a program of PostgreSQL as `user`. */
export function runProgram(program: string, args: readonly string[], user: SystemUser | undefined): void {
  execFileSync(postgresProgram(program), args, { ...user, cwd: '/', stdio: 'pipe' });
}

/**
 * The template is complete whenever it exists. Its user may not be able to enter its folder,
 * so `initdb` runs elsewhere.
 */
function createTemplate(template: string, user: SystemUser | undefined): void {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-postgres-'));
  const unfinished = `${template}.${process.pid}`;
  try {
    if (user !== undefined) chownSync(folder, user.uid, user.gid);
    runProgram('initdb', ['-D', join(folder, 'data'), ...initialize], user);
    mkdirSync(cache, { recursive: true });
    copy(join(folder, 'data'), unfinished);
    renameSync(unfinished, template);
  } catch (error) {
    // Another process was faster if it exists.
    if (!existsSync(template)) throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(unfinished, { recursive: true, force: true });
  }
}

/** With its owners and modes. */
function copy(from: string, to: string): void {
  execFileSync('cp', ['-a', from, to], { stdio: 'pipe' });
}
