import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { untilStopped } from './stop-on-signal.ts';

const never = new Promise<never>(() => undefined);

it('ends as the work does, if that is not stopped', async () => {
  const { signal } = new AbortController();
  await expect(untilStopped(Promise.resolve(1), signal)).resolves.toBe(1);
  await expect(untilStopped(Promise.reject(new Error('of the work')), signal)).rejects.toThrow('of the work');
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

it('ends when it is stopped, and immediately if it was before', async () => {
  const stopping = new AbortController();
  const stopped = untilStopped(never, stopping.signal);
  stopping.abort();
  await expect(stopped).rejects.toThrow('stopped');
  await expect(untilStopped(never, stopping.signal)).rejects.toThrow('stopped');
});
