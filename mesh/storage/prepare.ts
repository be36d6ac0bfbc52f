import type { Clock } from '../time/clock.ts';
import { startOfAging } from './aging/aging-start.ts';
import { probeMigrations, probeSet } from './aging/seen-times.ts';
import type { Storage } from './storage.ts';

/** Gives a database that was just opened what every one has; closes it when that fails. */
export async function prepare(storage: Storage, clock: Clock): Promise<Storage> {
  try {
    await storage.migrate(probeSet, probeMigrations);
    // Before anybody writes: what an earlier version has kept is looked at as a whole.
    await startOfAging(storage, clock.now());
    return storage;
  } catch (error) {
    await storage.close();
    throw error;
  }
}
