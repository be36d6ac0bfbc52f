import { Status } from 'nice-grpc-common';
import { defineError } from '../errors/define-error.ts';
import { storageFull, storageLost } from '../storage/errors.ts';

export const dataDirNotWritable = defineError({
  reason: 'DATA_DIR_NOT_WRITABLE',
  code: Status.FAILED_PRECONDITION,
  means: 'the data folder cannot be created or written',
  fix: 'set `DATA_DIR` to a folder that the user of the process may write; in a container, mount a volume there',
  seenIn: 'start',
  text: ({ path, problem }: { readonly path: string; readonly problem: string }) =>
    `data folder ${path} cannot be used (${problem}): set DATA_DIR to a folder that this user may write; in a container, mount a volume at ${path}`,
  metadata: () => ({}),
});

export const dataDirFull = storageFull.variant({
  text: ({ path, file, errno }: { readonly path: string; readonly file: string; readonly errno: string }) =>
    `disk of data folder ${path} is full (${file} cannot be written: ${errno}): free space on it and start again`,
  metadata: () => ({}),
});

export const dataDirGone = storageLost.variant({
  text: ({ path }: { readonly path: string }) =>
    `data folder ${path} was deleted or moved: do not end process ${process.pid} before you have read "The data folder is gone" in docs/operating.md`,
  publicText: 'data folder was deleted or moved: see "The data folder is gone" in docs/operating.md',
  metadata: () => ({}),
});

/** Whether the system refused to write because the disk, or the quota of this user, is full. */
export function isDiskFull(error: unknown): error is NodeJS.ErrnoException & { readonly code: string } {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}

/** A database that does not belong to a data folder. */
export interface Mismatch {
  /** `order`. */
  readonly name: string;
  /** Its file, or where its server is. */
  readonly location: string;
  /** The path of the manifest. */
  readonly manifest: string;
  /** Completes "database order …": "is missing". */
  readonly fault: string;
}

/** Accepted work would be lost silently if the process started. */
export const dataMismatch = defineError({
  reason: 'DATA_MISMATCH',
  code: Status.FAILED_PRECONDITION,
  means:
    'a database of the data folder is missing, empty, of another mesh, of another kind, or from another time than the others',
  fix: 'check that `DATABASE_URL` and `DATA_DIR` are those of the last start; restore all databases and `manifest.json` from one backup; or delete `manifest.json` to continue with what is there',
  seenIn: 'start',
  text: ({ name, location, manifest, fault }: Mismatch) =>
    `database ${name} (${location}) ${fault}, according to ${manifest}: check first that DATABASE_URL, EVENTS_URL, TASKS_URL and DATA_DIR are those of the last start; if they are, restore all databases and the manifest from one backup; to start with what is there, and lose what is missing, delete ${manifest}`,
  metadata: ({ name, location }) => ({ database: name, location }),
});

export const unreadableManifest = dataMismatch.variant({
  text: ({ location }: { readonly location: string }) =>
    `manifest ${location} cannot be read: restore it with all databases from one backup; or delete it to start with the databases that are there`,
});

/** What waits in the event log or the task queues of a data folder, which a setting no longer names. */
export interface LeftWork {
  readonly broker: 'events' | 'tasks';
  /** By consumer group or queue; `undefined` if the file is of an earlier version, which only a start on it can tell. */
  readonly waiting: Readonly<Record<string, number>> | undefined;
  readonly file: string;
  readonly manifest: string;
}

/** It was accepted, and nobody would notice that it waits. */
export const workLeft = defineError({
  reason: 'WORK_LEFT',
  code: Status.FAILED_PRECONDITION,
  means:
    'events or tasks wait in the embedded log or queues of the data folder, and `EVENTS_URL` or `TASKS_URL` names others',
  fix: 'start with the embedded ones until nothing waits, stop, and then change the setting',
  seenIn: 'start',
  text: ({ broker, waiting, file, manifest }: LeftWork) => {
    const counts = Object.entries(waiting ?? {}).map(([name, count]) => `${name} ${count}`);
    const ofAll = counts.length === 0 ? ' of an earlier version' : ` (at most: ${counts.join(', ')})`;
    const variable = broker === 'events' ? 'EVENTS_URL' : 'TASKS_URL';
    const loss =
      broker === 'events'
        ? `to lose them, or if those groups no longer run, delete ${file}`
        : `to lose them, with the dead letters in that file, delete ${file} and ${manifest}`;
    return `${broker} wait in ${file}${ofAll}, which ${variable} no longer names: start with ${variable}=embedded:${file} until none waits, stop, and then change it; or, ${loss}`;
  },
  metadata: ({ file }) => ({ file }),
});

export const databaseShared = defineError({
  reason: 'DATABASE_SHARED',
  code: Status.FAILED_PRECONDITION,
  means: 'several services would use one database',
  fix: 'write `<service>` into `DATABASE_URL`',
  seenIn: 'start',
  text: ({ sharers }: { readonly sharers: string }) =>
    `DATABASE_URL names the same database for ${sharers}: write <service> in place of the database's name`,
  metadata: () => ({}),
});

/** What two processes have of their own. */
export interface SeparateBrokers {
  readonly service: string;
  readonly broker: 'events' | 'tasks';
  /** Whether the broker of the refused process is embedded. */
  readonly isEmbedded: boolean;
}

/** What one of the processes gets would be invisible to the others, and would wait for its next start. */
export const brokerNotShared = defineError({
  reason: 'BROKER_NOT_SHARED',
  code: Status.FAILED_PRECONDITION,
  means: 'processes with the same database have different event logs or task queues: at least one of them is embedded',
  fix: 'set `EVENTS_URL` and `TASKS_URL` to the same Kafka and RabbitMQ for all of them, or run one',
  seenIn: 'start',
  text: ({ service, broker, isEmbedded }: SeparateBrokers) => {
    const [setting, server] = broker === 'tasks' ? ['TASKS_URL', 'RabbitMQ'] : ['EVENTS_URL', 'Kafka'];
    return isEmbedded
      ? `database of ${service} is in use by another process, and this one has ${broker} of its own (${setting} is embedded): set ${setting} of all to the same ${server}, or stop the other process`
      : `database of ${service} is in use by a process that has ${broker} of its own (its ${setting} is embedded): stop that process, or set its ${setting} to ${server}`;
  },
  metadata: ({ service, broker }) => ({ service, broker }),
});

export const notListening = defineError({
  reason: 'NOT_LISTENING',
  code: Status.UNAVAILABLE,
  means: 'a service called another before the process listened',
  fix: 'call from `start`, not during setup',
  seenIn: 'start',
  text: 'a service called another before this process listened: call from start(), not during setup',
});
