import { withCommandsHere } from '../../errors/commands-here.ts';
import type { Identity } from '../../storage/identity.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Manifest, Origin } from './manifest.ts';

/** A database that the manifest did not list. */
export interface Unlisted {
  readonly name: string;
  readonly location: string;
  readonly identity: Identity | undefined;
  /** Whether it is on a server, where other processes may use it too. */
  readonly isShared: boolean;
  /** Whether a service has used it. */
  readonly isUsed: boolean;
}

/** Reports the databases that the manifest did not list. */
export interface FoundReport {
  /** Records a database, before it gets an identity. Logs it, unless there was no manifest: then `log` does. */
  add(database: Unlisted): void;
  /** If databases were found without a manifest: logs one line with them and with those that were created. */
  log(): void;
}

const noManifest =
  'data folder has no manifest.json: using existing databases and creating missing ones; if one of these held data, stop the process and restore a backup; ' +
  withCommandsHere('"make audit" reports inconsistencies');

const joined = 'shares a database with the other processes of its service';

/** Creates the report of one start. */
export function createFoundReport(manifest: Manifest, logger: Logger): FoundReport {
  return {
    add({ name, location, identity, isShared, isUsed }) {
      const isNew = identity === undefined && !isUsed;
      // What the first process of a service created, its other ones find.
      if (isShared && identity !== undefined) logger.info({ database: name, location }, joined);
      else if (manifest.adoption !== undefined) manifest.recordOrigin(name, isNew ? 'created' : foundWith(identity));
      else
        logger.info(
          { database: name, location },
          `${isNew ? 'created' : 'adopted'} a database that the manifest of the data folder did not list`,
        );
    },
    log() {
      const origins = Object.entries(manifest.adoption ?? {});
      const namesOf = (...wanted: Origin[]) =>
        origins.filter(([, origin]) => wanted.includes(origin)).map(([name]) => name);
      const found = namesOf('found', 'found-unidentified');
      if (found.length === 0) return;
      const created = namesOf('created');
      // A folder from before the manifest has databases without an identity, and all of them.
      const isUpgrade = created.length === 0 && namesOf('found').length === 0;
      const names = { found, created_empty: created };
      logger[isUpgrade ? 'info' : 'warn']({ folder: manifest.folder, ...names }, noManifest);
    },
  };
}

function foundWith(identity: Identity | undefined): Origin {
  return identity === undefined ? 'found-unidentified' : 'found';
}
