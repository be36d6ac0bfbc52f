import { Metadata, Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import type { StreamResume } from '../contract/contract.ts';
import { createTestClock } from '../testing/test-clock.ts';
import { declaredCursor } from './declared-cursor.ts';
import { resumable } from './resumable.ts';

const cut = Object.assign(new Error('cut off'), { code: Status.UNAVAILABLE });
/** Waits for nothing. */
const impatient = {
  ...createTestClock(),
  after(_ms: number, action: () => void) {
    queueMicrotask(action);
    return () => undefined;
  },
};
const cursorOf = (resume: StreamResume | undefined) =>
  declaredCursor({ validate: () => [], ...(resume && { resume }) });

describe('the cursor of a method that is resumed after a field', () => {
  const listing = cursorOf({ after: 'afterId', cursor: 'id', hasLimit: true });

  it('continues after the last item, with the rest of the request as it was', () => {
    const cursor = listing({ role: 'admin' } as object);
    expect(cursor.next(cut)).toEqual({ role: 'admin' });
    for (const id of ['a', 'b']) expect(cursor.take({ id })).toBe(true);
    expect(cursor.next(cut)).toEqual({ role: 'admin', afterId: 'b' });
  });

  it('respects the limit', () => {
    const cursor = listing({ limit: 2 } as object);
    cursor.take({ id: 'a' });
    expect(cursor.next(cut)).toEqual({ limit: 1, afterId: 'a' });
    cursor.take({ id: 'b' });
    expect(cursor.next(cut)).toBeUndefined();
  });
});

describe('the cursor of a method that is resumed after one of several starts', () => {
  const topic = cursorOf({ after: 'position', oneof: 'from', cursor: 'position', hasLimit: false });
  const latest = { topic: 't', from: { $case: 'start', value: 2 } };
  const at = (value: string) => ({ topic: 't', from: { $case: 'position', value } });

  it('replaces the start by the last position, and keeps that if an item has none', () => {
    const cursor = topic(latest);
    for (const position of ['0=1', '0=2', '']) cursor.take({ position });
    expect(cursor.next(cut)).toEqual(at('0=2'));
  });

  it('continues where the service says that the stream starts, if it is cut off before its first item', async () => {
    const requests: object[] = [];
    const subscribe = resumable(
      async function* (request: object, options) {
        requests.push(request);
        options?.onHeader?.(Metadata({ 'resume-after': '0=7' }));
        if (requests.length === 1) throw cut;
        yield { position: '0=8' };
      },
      topic,
      { clock: impatient },
    );
    expect(await Array.fromAsync(subscribe(latest))).toEqual([{ position: '0=8' }]);
    expect(requests).toEqual([latest, at('0=7')]);
  });
});

it('a method that does not say how it continues has no cursor', () => {
  expect(() => cursorOf(undefined)).toThrow(TypeError);
});
