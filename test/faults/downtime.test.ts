import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { createDeadLetterStore, type DeadLetterStore } from '../../mesh/dead-letters/store.ts';
import { createIdempotency } from '../../mesh/idempotency/create-idempotency.ts';
import type { Codec, Idempotency } from '../../mesh/idempotency/idempotency.ts';
import { openStorage } from '../../mesh/storage/open.ts';
import type { Storage } from '../../mesh/storage/storage.ts';
import { createLogger } from '../../mesh/telemetry/logger.ts';
import { describeOnEachDatabase } from '../../mesh/testing/databases.ts';
import { createTestClock } from '../../mesh/testing/test-clock.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const startMs = createTestClock().now();

describeOnEachDatabase((newUrl) => {
  interface Process {
    readonly idempotency: Idempotency;
    readonly deadLetters: DeadLetterStore;
    readonly storage: Storage;
  }

  /** Runs `work` in a process whose clock starts at `clockMs`, and stops it `runMs` later. */
  async function run<T>(
    url: string,
    clockMs: number,
    runMs: number,
    work: (process: Process) => Promise<T>,
  ): Promise<T> {
    const clock = createTestClock(clockMs);
    const storage = await openStorage(url, { clock });
    const deadLetters = await createDeadLetterStore(storage, { clock });
    const idempotency = await createIdempotency(storage, { clock });
    await storage.check();
    const result = await work({ idempotency, deadLetters, storage });
    clock.advance(runMs);
    await storage.check();
    await storage.close();
    return result;
  }

  const place = (requestId: string) => (process: Process) =>
    process.idempotency.onceFor(method, { requestId })(async () => ({ order: randomUUID() }));

  async function discardOne({ deadLetters, storage }: Process): Promise<void> {
    await storage.transaction((tx) => deadLetters.add(tx, aDeadLetter));
    const queue = deadLetters.queue('event', async () => async () => undefined);
    for (const { id } of await Array.fromAsync(queue.list({}, ''))) await queue.discard(id, 'a test order');
  }

  /** Purges as a start does, and not an hour later. */
  async function purgeOnce({ deadLetters, storage }: Process): Promise<void> {
    const once = new AbortController();
    const purging = deadLetters.purge(createLogger('silent'), once.signal);
    await storage.check();
    once.abort();
    await purging;
  }

  it('forgets no request id after days of downtime, even if an operator closes a dead letter', async () => {
    const url = newUrl();
    await run(url, startMs, hourMs, place('long ago'));
    const first = await run(url, startMs + 9 * dayMs, hourMs, async (process) => {
      const answer = await place('repeated')(process);
      await discardOne(process);
      return answer;
    });
    for (const laterHours of [2, 4, 6]) {
      const laterMs = startMs + 9 * dayMs + laterHours * hourMs;
      expect(await run(url, laterMs, hourMs, place('repeated'))).toEqual(first);
    }
  });

  it('forgets request ids after 7 days of running, one night at a time', async () => {
    const url = newUrl();
    const first = await run(url, startMs, 8 * hourMs, place('repeated'));
    for (let day = 1; day <= 21; day += 1) {
      const answer = run(url, startMs + day * dayMs, 8 * hourMs, async (process) => {
        await discardOne(process);
        return await place('repeated')(process);
      });
      expect(await answer).toEqual(first);
    }
    const later = await run(url, startMs + 25 * dayMs, 8 * hourMs, place('repeated'));
    expect(later).not.toEqual(first);
  });

  it('keeps a closed dead letter for 30 days of running', async () => {
    const url = newUrl();
    const closed = ({ storage }: Process) => storage.query("SELECT id FROM dead_letter WHERE state = 'discarded'");
    await run(url, startMs, 15 * dayMs, discardOne);
    const count = async (clockMs: number) =>
      await run(url, clockMs, 15 * dayMs + 1, async (process) => {
        await purgeOnce(process);
        await discardOne(process);
        return (await closed(process)).length;
      });
    expect(await count(startMs + 100 * dayMs)).toBe(2);
    expect(await count(startMs + 200 * dayMs)).toBe(2);
  });
});

const json: Codec<unknown> = {
  encode: (value) => ({ finish: () => Buffer.from(JSON.stringify(value)) }),
  decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()),
};

const method = {
  path: '/order.v1.OrderService/PlaceOrder',
  requestType: json as Codec<{ requestId: string }>,
  responseType: json as Codec<{ order: string }>,
};

const aDeadLetter = {
  source: 'event',
  origin: 'order.events/shipping',
  reason: 'HANDLER_FAILED',
  error: 'no such warehouse',
  attempts: 5,
  payload: new Uint8Array(),
  headers: {},
  subjectId: 'order-1',
  firstTimeMs: startMs,
  lastTimeMs: startMs,
} as const;
