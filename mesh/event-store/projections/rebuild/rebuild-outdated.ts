import { isInfrastructureFault } from '../../../errors/codes.ts';
import { sleep } from '../../../time/sleep.ts';
import { rebuildRunning } from '../../errors.ts';
import { selectGenerations, selectLive } from '../generation-table.ts';
import { dropGeneration, type RebuildOptions, rebuild } from './rebuild.ts';

const retryMs = 5_000;

/**
 * Deletes generations that earlier runs left behind, and rebuilds the projection if its definition is newer. Waits for
 * rebuilds of other processes. Resolves when nothing is left to do, or when `stopping` aborts.
 */
export async function rebuildOutdated(options: Omit<RebuildOptions, 'dryRun' | 'signal'>): Promise<void> {
  const { projection, clock, logger, stopping } = options;
  while (!stopping.aborted) {
    try {
      if (await rebuildIfOutdated(options)) return;
    } catch (error) {
      if (stopping.aborted) return;
      if (!rebuildRunning.is(error)) {
        logger.error({ err: error, projection: projection.name }, 'projection rebuild failed');
        if (!isInfrastructureFault(error)) return;
      }
    }
    await sleep(clock, retryMs, stopping);
  }
}

/** Returns whether nothing is left to do. */
async function rebuildIfOutdated(options: Omit<RebuildOptions, 'dryRun' | 'signal'>): Promise<boolean> {
  const { projection, storage, logger, stopping } = options;
  let waiting = false;
  for (const { generation, state, isLeased } of await selectGenerations(storage, projection.name)) {
    // With exclusive use of the database, no other process can be rebuilding.
    const isAbandoned = state === 'dropped' || (state !== 'live' && (storage.exclusive || !isLeased));
    if (isAbandoned) await dropGeneration(options, generation);
    else if (state !== 'live') waiting = true;
  }
  const { definitionVersion } = await selectLive(storage, projection.name);
  if (definitionVersion >= projection.version) return !waiting;
  const about = { projection: projection.name, from: definitionVersion, to: projection.version };
  logger.info(about, 'projection definition has changed; rebuilding');
  for await (const { stage } of rebuild({ ...options, dryRun: false, signal: stopping })) {
    if (stage === 'switched') logger.info(about, 'projection rebuilt');
  }
  return true;
}
