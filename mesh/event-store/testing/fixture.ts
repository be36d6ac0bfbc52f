import { onTestFinished } from 'vitest';
import { openStorage } from '../../storage/open.ts';
import type { Storage } from '../../storage/storage.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { systemClock } from '../../time/clock.ts';
import type { EventStore, RecordedEvent, StreamEvent } from '../event-store.ts';
import { createEventStore } from '../streams/create-event-store.ts';

/** The log of what is tested. */
export const logger = createLogger('silent');

/** A store in its database. */
export interface OpenStore {
  readonly storage: Storage;
  readonly store: EventStore;
}

/** Opens a store until the test is finished. */
export async function openStore(url: string): Promise<OpenStore> {
  const storage = await openStorage(url);
  onTestFinished(() => storage.close());
  return { storage, store: await createEventStore(storage, { clock: systemClock }) };
}

/** An event of the tests, which adds an amount. */
export function added(amount: number | bigint, type = 'ADDED'): StreamEvent {
  return {
    type,
    schemaVersion: 1,
    data: { amount: amount.toString() },
    correlationId: 'request-1',
    timeMs: 1_780_000_000_000,
  };
}

/** What events of the tests add. */
export function amountsOf(events: readonly RecordedEvent[]): string[] {
  return events.map(({ data }) => String(data.amount));
}
