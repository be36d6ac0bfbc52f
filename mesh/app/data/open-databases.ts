import { statSync } from 'node:fs';
import { type Config, databaseUrlOf } from '../../config/config.ts';
import type { ServerTrust } from '../../config/server-trust.ts';
import { warnOfClock } from '../../storage/aging/clock-warning.ts';
import { storageLost } from '../../storage/errors.ts';
import { type Identity, isUsed, noteStart, readIdentity } from '../../storage/identity.ts';
import { openStorage } from '../../storage/open.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { systemClock } from '../../time/clock.ts';
import { dataMismatch } from '../errors.ts';
import type { DataFolder } from './data-folder.ts';
import { createFoundReport } from './found-report.ts';
import type { Manifest, ManifestEntry } from './manifest.ts';

/** The databases of the embedded event log and task queues. */
const brokers: readonly string[] = ['events', 'tasks'];
const notOpened =
  'databases of the data folder are not opened, as their services do not run here: what waits in them waits until they do';

/** How a database is opened. */
export interface DatabaseOptions {
  /** The maximum number of connections for calls to PostgreSQL. Default: `DATABASE_POOL_SIZE`. */
  readonly poolSize?: number;
}

/**
 * Opens the database `name` at `url`. The caller closes it, which fails with `STORAGE_LOST` if its file was removed, and with
 * `STORAGE_FLUSH_FAILED` if its disk failed to write a commit.
 */
export type OpenDatabase = (name: string, url: string, options?: DatabaseOptions) => Promise<Storage>;

/** Opens the databases of a process. */
export interface Databases {
  readonly open: OpenDatabase;
  /**
   * Throws `DATA_MISMATCH` if `DATABASE_URL` names another kind of database than the last start for one of these services. Called
   * before the first is opened, so a refused start makes none.
   */
  readonly checkKinds: (services: readonly string[]) => void;
  /** Returns the id of an open database that is in a file of this process. */
  readonly fileIdOf: (name: string) => string | undefined;
  /**
   * Logs which databases were found and which created, if the data folder had databases but no manifest. It repeats that at
   * each start until one has succeeded.
   */
  readonly reportFound: () => void;
  /** Logs which databases of services the manifest lists and this start has not opened. */
  readonly reportUnopened: () => void;
}

/**
 * Opens databases and compares each with the manifest of the data folder. Throws FAILED_PRECONDITION `DATA_MISMATCH` if one is
 * missing, empty, of another mesh, of another kind, or from another time than the manifest. A database that is not listed is adopted or created,
 * which is logged. `trust`: how a server is checked; default: by the authorities of Node. After a run that did not
 * end cleanly, the structure of each SQLite file is checked too. A crash after any step leaves a state from which
 * the next start continues.
 */
export function openDatabases(
  folder: DataFolder,
  logger: Logger,
  settings: Config,
  trust: ServerTrust = {},
): Databases {
  const { databasePoolSize, databaseDirectUrl, databaseCa } = settings;
  const directUrlOf = (name: string): string | undefined =>
    databaseDirectUrl === '' ? undefined : databaseDirectUrl.replaceAll('<service>', name);
  const tls = { trust, isRequired: databaseCa.file !== undefined };
  const { manifest } = folder;
  const foundReport = createFoundReport(manifest, logger);
  const openedNames = new Set<string>();
  const open: OpenDatabase = async (name, url, { poolSize = databasePoolSize } = {}) => {
    const { scheme, location, path } = placeOf(url);
    const key = `${scheme}:${name}`;
    const entry = manifest.entryOf(key);
    const refuse = (fault: string) => dataMismatch({ name, location, manifest: manifest.path, fault });
    const kindFault = faultOfKind(manifest, name, scheme);
    if (kindFault !== undefined) throw refuse(kindFault);
    const hadContent = path === undefined ? undefined : hasContent(path);
    // Before it is opened, which makes a file where there is none.
    if (entry !== undefined && hadContent === false) throw refuse('is missing or empty');

    const storage = await openStorage(url, {
      exclusive: true,
      verify: folder.wasAbandoned,
      poolSize,
      directUrl: directUrlOf(name),
      tls,
      logger,
    });
    try {
      const identity = await readIdentity(storage);
      const fault = faultOf(name, identity, entry, storage.exclusive ? manifest.start : undefined);
      if (fault !== undefined) throw refuse(fault);
      await warnOfClock({ storage, name, location }, systemClock, logger);
      if (entry === undefined) {
        const isShared = path === undefined;
        foundReport.add({ name, location, identity, isShared, isUsed: await isUsed(storage) });
      }
      // In this order, a database is never ahead of the manifest, and no entry of the manifest ahead of its database.
      manifest.raiseStart((identity?.start ?? 0) + 1);
      const { id, start } = await noteStart(storage, name, manifest.start);
      manifest.record(key, { id, start });
      openedNames.add(name);
      return path === undefined ? storage : { ...storage, close: () => closeFile(storage) };
    } catch (error) {
      await storage.close();
      throw error;
    }
  };
  const checkKinds = (names: readonly string[]) => {
    for (const name of names) {
      const { scheme, location } = placeOf(databaseUrlOf(settings, name));
      const fault = faultOfKind(manifest, name, scheme);
      if (fault !== undefined) throw dataMismatch({ name, location, manifest: manifest.path, fault });
    }
  };
  const fileIdOf = (name: string) => manifest.entryOf(`sqlite:${name}`)?.id;
  const reportUnopened = () => {
    // What waits in brokers is counted before they are left; they are opened when they are used.
    const unopened = manifest.names().filter((name) => !brokers.includes(name) && !openedNames.has(name));
    if (unopened.length > 0) logger.info({ databases: unopened, folder: manifest.folder }, notOpened);
  };
  return { open, checkKinds, fileIdOf, reportFound: foundReport.log, reportUnopened };
}

/**
 * Closes a database in a file. Rejects with UNAVAILABLE `STORAGE_LOST` if its file is no longer at its path, and
 * `STORAGE_FLUSH_FAILED` if its disk failed to write a commit.
 */
async function closeFile(storage: Storage): Promise<void> {
  const failure = await storage.check().catch((error: unknown) => error);
  await storage.close();
  if (storageLost.is(failure)) throw failure;
}

/** `lastStart` is the highest start that the database can have; only where no other process can have opened it. */
function faultOf(
  name: string,
  identity: Identity | undefined,
  entry: ManifestEntry | undefined,
  lastStart: number | undefined,
): string | undefined {
  if (identity !== undefined && identity.name !== name) return `is the database ${identity.name}`;
  if (entry === undefined) return undefined;
  if (identity === undefined) return 'is another one: it is new, or older than the manifest';
  if (identity.id !== entry.id) return 'is another one: its id differs';
  if (identity.start < entry.start)
    return `is older than the others: its last start was number ${identity.start}, that of the others ${entry.start}`;
  if (lastStart !== undefined && identity.start >= lastStart)
    return `is newer than the manifest: its last start was number ${identity.start}, that of the manifest ${lastStart - 1}`;
  return undefined;
}

const kinds = { sqlite: 'a file', postgres: 'on a PostgreSQL server' } as const;

/** Those of brokers may be of another kind: the embedded queues are a file, and the dead letters of RabbitMQ are on the server. */
function faultOfKind(manifest: Manifest, name: string, scheme: Place['scheme']): string | undefined {
  if (brokers.includes(name)) return undefined;
  if (manifest.hasServedNothing && manifest.adoption?.[name] === 'created') return undefined;
  const lastScheme = manifest.lastSchemeOf(name);
  if (lastScheme === undefined || lastScheme === scheme) return undefined;
  const other = scheme === 'sqlite' ? 'postgres' : 'sqlite';
  return `is ${kinds[scheme]}, and the one of the last start ${kinds[other]}`;
}

interface Place {
  readonly scheme: 'sqlite' | 'postgres';
  /** For people: without the password. */
  readonly location: string;
  /** Of the file; `undefined` on a server. */
  readonly path: string | undefined;
}

function placeOf(url: string): Place {
  if (url.startsWith('sqlite:')) {
    const path = url.slice('sqlite:'.length);
    return { scheme: 'sqlite', location: path, path };
  }
  const { host, pathname } = URL.parse(url) ?? { host: '', pathname: '' };
  return { scheme: 'postgres', location: `${host}${pathname}`, path: undefined };
}

function hasContent(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0;
}
