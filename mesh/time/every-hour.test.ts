import { Status } from 'nice-grpc-common';
import { beforeEach, describe, expect, it } from 'vitest';
import { MeshError } from '../errors/mesh-error.ts';
import { createTestClock, type TestClock } from '../testing/test-clock.ts';
import { everyHour } from './every-hour.ts';

const hourMs = 60 * 60 * 1000;

describe('everyHour', () => {
  let clock: TestClock;
  let failures: string[];
  let attempts: number;
  let error: Error | undefined;
  let ending: AbortController;

  beforeEach(() => {
    clock = createTestClock();
    failures = [];
    attempts = 0;
    error = undefined;
    ending = new AbortController();
  });

  /** Starts the work, which throws `error` if there is one. */
  function start(): Promise<void> {
    const run = async () => {
      attempts += 1;
      if (error) throw error;
    };
    const onFailure = (thrown: unknown, again: string) => void failures.push(`${(thrown as Error).message} ${again}`);
    return everyHour({ run, onFailure, clock, signal: ending.signal });
  }

  /** Resolves with the delay before the next attempt. */
  async function nextMs(): Promise<number | undefined> {
    await new Promise(setImmediate);
    return clock.pendingMs()[0];
  }

  async function advance(): Promise<void> {
    clock.advance((await nextMs()) ?? 0);
  }

  it('runs the work now and every hour', async () => {
    const ended = start();
    expect(await nextMs()).toBe(hourMs);
    await advance();
    expect(await nextMs()).toBe(hourMs);
    expect(attempts).toBe(2);
    ending.abort();
    await ended;
  });

  it('retries in seconds while a broker starts, and does not report that', async () => {
    error = new MeshError(Status.UNAVAILABLE, 'BROKER_UNAVAILABLE', 'loading');
    void start();
    const delays: (number | undefined)[] = [];
    for (let failure = 0; failure < 3; failure++) {
      delays.push(await nextMs());
      await advance();
    }
    expect(delays).toEqual([5_000, 10_000, 20_000]);
    error = undefined;
    await advance();
    expect(await nextMs()).toBe(hourMs);
    expect(failures).toEqual([]);
    ending.abort();
  });

  it('reports an outage of more than a minute once, and retries at least every 5 minutes', async () => {
    error = new MeshError(Status.UNAVAILABLE, 'BROKER_UNAVAILABLE', 'away');
    void start();
    for (let failure = 0; failure < 12; failure++) await advance();
    expect(await nextMs()).toBe(300_000);
    expect(failures).toEqual(['away soon']);
    ending.abort();
  });

  it('reports any other failure and retries in an hour', async () => {
    error = new TypeError('x is undefined');
    void start();
    expect(await nextMs()).toBe(hourMs);
    expect(failures).toEqual(['x is undefined in an hour']);
    ending.abort();
  });
});
