import { setTimeout as timeout } from 'node:timers/promises';
import type { EventLog, StartPosition, StoredEvent } from '../log/event-log.ts';

/** A reader that runs in the background of a test. */
export interface Reading {
  readonly seen: StoredEvent[];
  failure?: unknown;
  readonly stop: () => void;
}

/** Reads until an error or until it is stopped. `pause` resolves before each next event. */
export function readInBackground(
  log: EventLog,
  topic: string,
  from: StartPosition,
  pause?: () => Promise<unknown>,
): Reading {
  const stop = new AbortController();
  const reading: Reading = { seen: [], stop: () => stop.abort() };
  void (async () => {
    try {
      for await (const stored of log.read(topic, from, stop.signal)) {
        reading.seen.push(stored);
        await pause?.();
      }
    } catch (error) {
      reading.failure = error;
    }
  })();
  return reading;
}

/** Reads as a subscriber does: it resumes from its offsets after an error. */
export function readAndResumeInBackground(log: EventLog, topic: string, from: ReadonlyMap<number, bigint>): Reading {
  const stop = new AbortController();
  const offsets = new Map(from);
  const seen: StoredEvent[] = [];
  void (async () => {
    while (!stop.signal.aborted) {
      try {
        for await (const stored of log.read(topic, { at: 'offsets', offsets }, stop.signal)) {
          seen.push(stored);
          offsets.set(stored.partition, stored.offset + 1n);
        }
      } catch {
        await timeout(100);
      }
    }
  })();
  return { seen, stop: () => stop.abort() };
}
