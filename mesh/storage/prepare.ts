import type { Clock } from '../time/clock.ts';
import { startOfAging } from './aging/aging-start.ts';
import { probeMigrations, probeSet } from './aging/seen-times.ts';
import type { Storage } from './storage.ts';

/** Creates the tables that every database has. Closes the database if that fails. */
export async function prepare(storage: Storage, clock: Clock): Promise<Storage> {
  try {
    await storage.migrate(probeSet, probeMigrations);
    // Before the first write, because it considers everything that an earlier version has stored.
    await startOfAging(storage, clock.now());
    return storage;
  } catch (error) {
    await storage.close();
    throw error;
  }
}
