import {
  asListed,
  type DeadLetter,
  type DeadLetterClosing,
  type DeadLetterFilter,
  type DeadLetterQueue,
  type ListedDeadLetter,
} from '../../../dead-letters/dead-letters.ts';
import { readPages } from '../../../storage/read-pages.ts';
import type { Storage } from '../../../storage/storage.ts';
import { currentScope } from '../../../telemetry/call-scope.ts';
import type { Clock } from '../../../time/clock.ts';
import { behindParked } from '../../errors.ts';
import type { RecordedEvent } from '../../event-store.ts';
import { rawDataAt, selectAt } from '../../streams/event-table.ts';
import { describeFailure } from '../apply-batch.ts';
import { lockLive } from '../generation-table.ts';
import type { Projection } from '../projection.ts';
import { insertDiscarded, selectDiscarded } from './discarded-table.ts';
import {
  deleteParked,
  firstParked,
  measureParked,
  type ParkedEvent,
  pageOfParked,
  recordParkedFailure,
  selectParked,
} from './parked-table.ts';

export interface ParkedDeadLettersOptions {
  /** The service that the projection belongs to. */
  readonly service: string;
  readonly projection: Projection;
  readonly storage: Storage;
  readonly clock: Clock;
}

/**
 * The events that a projection has parked, as dead letters. The first of a stream can be redriven or discarded; those
 * parked after it follow, up to the next that fails. Others are refused with `EVENT_BEHIND_PARKED`.
 */
export function parkedDeadLetters({ service, projection, storage, clock }: ParkedDeadLettersOptions): DeadLetterQueue {
  const { name } = projection;
  const origin = `${service}/${name}`;

  async function* list(filter: DeadLetterFilter, afterId: string): AsyncGenerator<ListedDeadLetter> {
    if ((filter.source ?? 'event') !== 'event' || (filter.origin ?? origin) !== origin) return;
    const events = readPages({
      after: afterId,
      pageSize: 100,
      fetch: (after, size) => pageOfParked(storage, name, after, size),
      cursorOf: ({ id }) => id,
    });
    for await (const parked of events) {
      if ((filter.reason ?? parked.reason) === parked.reason) yield asListed(await deadLetterOf(parked));
    }
  }

  async function find(id: string): Promise<ParkedEvent | undefined> {
    const parked = await selectParked(storage, id);
    return parked?.name === name ? parked : undefined;
  }

  async function deadLetterOf(
    parked: Omit<ParkedEvent, 'generation'> & { readonly closing?: DeadLetterClosing },
  ): Promise<DeadLetter> {
    const event = await selectAt(storage, parked.position);
    const { id, reason, error, attempts, stream, firstTimeMs, lastTimeMs, closing } = parked;
    return {
      id,
      source: 'event',
      origin,
      reason,
      error,
      attempts,
      payload: Buffer.from(await rawDataAt(storage, parked.position)),
      headers: headersOf(parked, event),
      subjectId: stream,
      firstTimeMs,
      lastTimeMs,
      ...(closing && { closing }),
    };
  }

  /** Finds a parked event. Refuses it if it is not the first of its stream. */
  async function findFirst(id: string): Promise<ParkedEvent | undefined> {
    const parked = await find(id);
    if (!parked) return undefined;
    const first = await firstParked(storage, name, parked.generation, parked.stream);
    if (first && first.id !== id) throw behindParked({ id, firstId: first.id, stream: parked.stream });
    return first;
  }

  async function redriveOne(parked: ParkedEvent): Promise<void> {
    const event = await selectAt(storage, parked.position);
    try {
      await storage.transaction(async (tx) => {
        // Locked, so new events are applied before or after it, never at the same time.
        await lockLive(tx, name);
        const generations = await deleteParked(tx, name, parked.position);
        if (event?.fault) throw event.fault;
        for (const generation of generations) if (event) await projection.apply(tx, generation, [event]);
      });
    } catch (error) {
      const { reason, error: text } = describeFailure(error);
      await recordParkedFailure(storage, parked.id, reason, text, clock.now());
      throw error;
    }
  }

  /** Redrives the events that were parked after one, up to the next that fails. */
  async function redriveFollowing({ generation, stream }: ParkedEvent): Promise<void> {
    for (;;) {
      const next = await firstParked(storage, name, generation, stream);
      if (!next) return;
      try {
        await redriveOne(next);
      } catch {
        // Its error is recorded, and it is now the first of its stream.
        return;
      }
    }
  }

  return {
    list,
    async get(id) {
      const found = (await find(id)) ?? (await selectDiscarded(storage, name, id));
      return found && (await deadLetterOf(found));
    },
    async count() {
      const { count, oldestTimeMs } = await measureParked(storage, name);
      return count === 0 ? [] : [{ source: 'event', origin, count, oldestTimeMs }];
    },
    async redrive(id) {
      const parked = await findFirst(id);
      if (!parked) return false;
      await redriveOne(parked);
      await redriveFollowing(parked);
      return true;
    },
    async discard(id, note) {
      const parked = await findFirst(id);
      if (!parked) return false;
      const requestId = currentScope()?.requestId ?? '';
      const closing = { outcome: 'discarded', note, timeMs: clock.now(), requestId } as const;
      const taken = await storage.transaction(async (tx) => {
        // Locked: a batch in progress may be about to park the next event after this one.
        await lockLive(tx, name);
        await insertDiscarded(tx, parked, closing);
        return await deleteParked(tx, name, parked.position);
      });
      await redriveFollowing(parked);
      return taken.length > 0;
    },
  };
}

function headersOf(
  { stream, position }: Pick<ParkedEvent, 'stream' | 'position'>,
  event: RecordedEvent | undefined,
): Record<string, string> {
  return {
    stream,
    position: `${position}`,
    version: `${event?.version ?? ''}`,
    type: event?.type ?? '',
    'schema-version': `${event?.schemaVersion ?? ''}`,
    'correlation-id': event?.correlationId ?? '',
  };
}
