import { probeMigrations, probeSet } from './probe-table.ts';
import type { Storage } from './storage.ts';

/** Gives a database that was just opened what every one has; closes it when that fails. */
export async function prepare(storage: Storage): Promise<Storage> {
  try {
    await storage.migrate(probeSet, probeMigrations);
    return storage;
  } catch (error) {
    await storage.close();
    throw error;
  }
}
