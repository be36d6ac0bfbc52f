import type { DeadLetter, DeadLetterFilter, DeadLetterQueue } from '../../../dead-letters/dead-letters.ts';
import type { Storage } from '../../../storage/storage.ts';
import type { Clock } from '../../../time/clock.ts';
import { behindParked } from '../../errors.ts';
import type { RecordedEvent } from '../../event-store.ts';
import { rawDataAt, selectAt } from '../../streams/event-table.ts';
import { describeFailure } from '../apply-batch.ts';
import { lockLive } from '../generation-table.ts';
import type { Projection } from '../projection.ts';
import {
  firstParked,
  insertDiscarded,
  type ParkedEvent,
  pageOfParked,
  recordParkedFailure,
  selectParked,
  takeParked,
} from './parked-table.ts';

/** What the letters of a projection stand on. */
export interface ParkedLettersOptions {
  /** The service that has the projection. */
  readonly service: string;
  readonly projection: Projection;
  readonly storage: Storage;
  readonly clock: Clock;
}

const pageSize = 100;

/**
 * The events that a projection has put aside, as dead letters. The first of a stream can be redriven, and those behind it
 * follow by themselves, up to the next that cannot be taken; another one is refused with `EVENT_BEHIND_PARKED`.
 */
export function parkedLetters({ service, projection, storage, clock }: ParkedLettersOptions): DeadLetterQueue {
  const { name } = projection;
  const origin = `${service}/${name}`;

  async function* list(filter: DeadLetterFilter, afterId: string): AsyncGenerator<DeadLetter> {
    if ((filter.source ?? 'event') !== 'event' || (filter.origin ?? origin) !== origin) return;
    let cursor: string | undefined = afterId;
    while (cursor !== undefined) {
      const page: readonly ParkedEvent[] = await pageOfParked(storage, name, cursor, pageSize);
      for (const parked of page) if ((filter.reason ?? parked.reason) === parked.reason) yield await letterOf(parked);
      cursor = page.length === pageSize ? page.at(-1)?.id : undefined;
    }
  }

  async function find(id: string): Promise<ParkedEvent | undefined> {
    const parked = await selectParked(storage, id);
    return parked?.name === name ? parked : undefined;
  }

  async function letterOf(parked: ParkedEvent): Promise<DeadLetter> {
    const event = await selectAt(storage, parked.position);
    const { id, reason, error, attempts, stream, firstTimeMs, lastTimeMs } = parked;
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
    };
  }

  /** The first of its stream; `undefined` when there is none. Refuses one that is not the first. */
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
        // Held, so that the events that come meanwhile are taken before or after and not at the same time.
        await lockLive(tx, name);
        const generations = await takeParked(tx, name, parked.position);
        if (event?.fault) throw event.fault;
        for (const generation of generations) if (event) await projection.apply(tx, generation, [event]);
      });
    } catch (error) {
      const { reason, error: text } = describeFailure(error);
      await recordParkedFailure(storage, parked.id, reason, text, clock.now());
      throw error;
    }
  }

  /** Those behind one that is dealt with; one that fails has its error noted and keeps the others waiting. */
  async function follow({ generation, stream }: ParkedEvent): Promise<void> {
    for (;;) {
      const next = await firstParked(storage, name, generation, stream);
      if (!next) return;
      try {
        await redriveOne(next);
      } catch {
        // It is noted with it, and it is the first of the list now.
        return;
      }
    }
  }

  return {
    list,
    async get(id) {
      const parked = await find(id);
      return parked && (await letterOf(parked));
    },
    async redrive(id) {
      const parked = await findFirst(id);
      if (!parked) return false;
      await redriveOne(parked);
      await follow(parked);
      return true;
    },
    async discard(id, note) {
      const parked = await findFirst(id);
      if (!parked) return false;
      const taken = await storage.transaction(async (tx) => {
        // Held: a batch under way may be about to put the next one behind this.
        await lockLive(tx, name);
        await insertDiscarded(tx, name, parked.position, note, clock.now());
        return await takeParked(tx, name, parked.position);
      });
      await follow(parked);
      return taken.length > 0;
    },
  };
}

function headersOf({ stream, position }: ParkedEvent, event: RecordedEvent | undefined): Record<string, string> {
  return {
    stream,
    position: `${position}`,
    version: `${event?.version ?? ''}`,
    type: event?.type ?? '',
    'schema-version': `${event?.schemaVersion ?? ''}`,
    'correlation-id': event?.correlationId ?? '',
  };
}
