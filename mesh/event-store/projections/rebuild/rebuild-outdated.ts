import { isInfrastructureFault } from '../../../errors/codes.ts';
import { sleep } from '../../../time/sleep.ts';
import { rebuildRunning } from '../../errors.ts';
import { furthestLeaseMs, selectGenerations, selectLive } from '../generation-table.ts';
import { discard, type RebuildOptions, rebuild } from './rebuild.ts';

const retryMs = 5_000;

/**
 * Deletes what earlier runs left of a projection, and makes it again, beside the live one, when its definition is newer.
 * What another process is at is waited for. Resolves when nothing is left to do, or `stopping` aborts.
 */
export async function renewProjection(options: Omit<RebuildOptions, 'dryRun' | 'signal'>): Promise<void> {
  const { projection, clock, logger, stopping } = options;
  while (!stopping.aborted) {
    try {
      if (await renew(options)) return;
    } catch (error) {
      if (stopping.aborted) return;
      if (!rebuildRunning.is(error)) {
        logger.error({ err: error, projection: projection.name }, 'the projection was not made again');
        if (!isInfrastructureFault(error)) return;
      }
    }
    await sleep(clock, retryMs, stopping);
  }
}

/** Whether all is done. */
async function renew(options: Omit<RebuildOptions, 'dryRun' | 'signal'>): Promise<boolean> {
  const { projection, storage, clock, logger, stopping } = options;
  let waiting = false;
  const nowMs = clock.now();
  for (const { generation, state, untilMs } of await selectGenerations(storage, projection.name)) {
    // In a database of its own, nobody else can be making one at the start.
    const isKept = !storage.exclusive && untilMs >= nowMs && untilMs <= furthestLeaseMs(nowMs);
    const isLeft = state === 'dropped' || (state !== 'live' && !isKept);
    if (isLeft) await discard(options, generation);
    else if (state !== 'live') waiting = true;
  }
  const { definitionVersion } = await selectLive(storage, projection.name);
  if (definitionVersion >= projection.version) return !waiting;
  const about = { projection: projection.name, from: definitionVersion, to: projection.version };
  logger.info(about, 'the projection is defined anew: it is made again');
  for await (const { stage } of rebuild({ ...options, dryRun: false, signal: stopping })) {
    if (stage === 'switched') logger.info(about, 'the projection is made again');
  }
  return true;
}
