import { onTestFinished } from 'vitest';
import { openStorage } from '../../storage/open.ts';
import type { Storage } from '../../storage/storage.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { systemClock } from '../../time/clock.ts';
import type { EventStore, RecordedEvent, StreamEvent } from '../event-store.ts';
import { createEventStore } from '../streams/create-event-store.ts';

export const logger = createLogger('silent');

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

/** Returns an event that adds an amount. */
export function added(amount: number | bigint, type = 'ADDED'): StreamEvent {
  return {
    type,
    schemaVersion: 1,
    data: { amount: amount.toString() },
    correlationId: 'request-1',
    timeMs: 1_780_000_000_000,
  };
}

/** Returns the amounts of events. */
export function amountsOf(events: readonly RecordedEvent[]): string[] {
  return events.map(({ data }) => String(data.amount));
}
