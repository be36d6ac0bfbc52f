import { writeSync } from 'node:fs';
import { openStorage } from '../../storage/open.ts';
import { systemClock } from '../../time/clock.ts';
import { createEventStore } from '../streams/create-event-store.ts';

// The program that event-store.test.ts kills: it appends as fast as it can, and prints what was acknowledged, as
// `<stream> <version>`.
const storage = await openStorage(`sqlite:${process.argv[2]}`);
const store = await createEventStore(storage, { clock: systemClock });

async function append(stream: string): Promise<never> {
  for (let version = 0n; ; version += 1n) {
    const event = { type: 'ADDED', schemaVersion: 1, data: { amount: '1' }, correlationId: 'r', timeMs: Date.now() };
    await store.append(stream, version, event);
    writeSync(1, `${stream} ${version + 1n}\n`);
  }
}
await Promise.all(Array.from({ length: 8 }, (_, index) => append(`stream-${index}`)));
