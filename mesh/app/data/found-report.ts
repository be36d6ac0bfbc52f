import type { Identity } from '../../storage/identity.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Manifest } from './manifest.ts';

/** A database that the manifest did not list. */
export interface Unlisted {
  readonly name: string;
  readonly location: string;
  readonly identity: Identity | undefined;
  /** Whether a service has used it. */
  readonly isUsed: boolean;
}

/** Reports the databases that the manifest did not list. */
export interface FoundReport {
  /** Logs a database that was found, unless there was no manifest: then `log` does. */
  add(database: Unlisted): void;
  /** If databases were found without a manifest: logs one line with them and with those that were created. */
  log(): void;
}

const noManifest =
  'data folder has no manifest.json: using existing databases and creating missing ones; if one of these held data, stop the process and restore a backup; "make audit" reports inconsistencies';

/** Creates the report of one start. */
export function createFoundReport(manifest: Manifest, logger: Logger): FoundReport {
  const found: Unlisted[] = [];
  const created: Unlisted[] = [];
  const namesOf = (databases: readonly Unlisted[]) => databases.map(({ name }) => name);
  return {
    add(database) {
      const { name, location, identity, isUsed } = database;
      if (identity === undefined && !isUsed) created.push(database);
      else if (!manifest.existed) found.push(database);
      else
        logger.info(
          { database: name, location },
          'adopted a database that the manifest of the data folder did not list',
        );
    },
    log() {
      if (found.length === 0) return;
      // A folder from before the manifest has databases without an identity, and all of them.
      const isUpgrade = created.length === 0 && found.every(({ identity }) => identity === undefined);
      const names = { found: namesOf(found), created_empty: namesOf(created) };
      logger[isUpgrade ? 'info' : 'warn']({ folder: manifest.folder, ...names }, noManifest);
    },
  };
}
