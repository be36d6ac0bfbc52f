import { readFileSync } from 'node:fs';
import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { attentionMsOf, type Expiry } from '../security/tls/expiry.ts';
import type { FileState, TlsStates } from '../security/tls/tls-states.ts';
import { dataDirGone } from './errors.ts';

/** What runs in a process. */
export interface ProcessInfo {
  readonly version: string;
  readonly nodeVersion: string;
  readonly pid: number;
  readonly startTimeMs: number;
  readonly grpcEngine: string;
  /** `sqlite`, `postgres`. This and the next two are empty for a process that uses none of them. */
  readonly database: string;
  /** `embedded`, `kafka`. */
  readonly events: string;
  /** `embedded`, `amqp`. */
  readonly tasks: string;
  /** Returns what of its TLS expires, when, and from when on it needs attention; empty without TLS. */
  readonly expiries: () => readonly (Expiry & { readonly attentionMs: number })[];
  /** Returns the files of its TLS that cannot be used now. */
  readonly refusedTlsFiles: () => readonly FileState[];
  /** Whose bearer tokens it accepts, and for whom; `undefined`: it checks none. */
  readonly tokens: { readonly issuer: string; readonly audience: string } | undefined;
}

/** The disk of the data folder. */
export interface DiskUsage {
  readonly totalBytes: number;
  /** What this process may still write. */
  readonly freeBytes: number;
  /** The database files in the data folder by name, each with its write-ahead log. */
  readonly files: ReadonlyMap<string, number>;
}

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};

/** Describes this process, which runs with these settings. `isStateless`: it uses neither databases nor brokers. */
export function processInfo(config: Config, isStateless: boolean, tls: TlsStates): ProcessInfo {
  const schemeOf = (url: string) => (isStateless ? '' : url.replace(/:.*$/s, ''));
  return {
    version,
    nodeVersion: process.versions.node,
    pid: process.pid,
    startTimeMs: performance.timeOrigin,
    grpcEngine: config.grpcEngine,
    database: schemeOf(config.databaseUrl),
    events: schemeOf(config.eventsUrl),
    tasks: schemeOf(config.tasksUrl),
    expiries: () => tls.expiries().map((expiry) => ({ ...expiry, attentionMs: attentionMsOf(expiry) })),
    refusedTlsFiles: tls.refused,
    tokens: config.authJwks === '' ? undefined : { issuer: config.authIssuer, audience: config.authAudience },
  };
}

/** Measures the disk of the data folder. Throws UNAVAILABLE `STORAGE_LOST` if the folder is gone. */
export async function diskUsage({ dataDir }: Pick<Config, 'dataDir'>): Promise<DiskUsage> {
  const [{ bsize, blocks, bavail }, names] = await Promise.all([statfs(dataDir), readdir(dataDir)]).catch(
    (error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOENT' ? dataDirGone({ path: dataDir }, { cause: error }) : error;
    },
  );
  const files = new Map<string, number>();
  for (const name of names.toSorted()) {
    const [, file] = /^(.+\.db)(?:-wal)?$/.exec(name) ?? [];
    if (file === undefined) continue;
    files.set(file, (files.get(file) ?? 0) + (await sizeOf(join(dataDir, name))));
  }
  return { totalBytes: blocks * bsize, freeBytes: bavail * bsize, files };
}

/** 0 if the file is gone: a write-ahead log may be removed at any time. */
async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}
