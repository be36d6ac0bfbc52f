import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../../../testing/eventually.ts';
import { SendQueue } from './send-queue.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const bytes = fc.uint8Array({ maxLength: 5_000 });
const step = fc.oneof(
  fc.record({ add: bytes }),
  fc.record({ prefix: fc.uint8Array({ minLength: 1, maxLength: 5 }), behind: bytes }),
  fc.record({ take: fc.nat({ max: 20_000 }) }),
);

describe('the send queue', () => {
  it('returns its bytes in order, in any pieces', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const queue = new SendQueue();
        const added: Buffer[] = [];
        const taken: Buffer[] = [];
        const take = (wanted: number) => queue.take(wanted, (piece) => taken.push(Buffer.from(piece)));
        for (const next of steps) {
          if ('add' in next) {
            queue.add(next.add);
            added.push(Buffer.from(next.add));
          } else if ('take' in next) {
            take(Math.min(next.take, queue.bytes));
          } else {
            added.push(Buffer.from(next.prefix), Buffer.from(next.behind));
            queue.addWithPrefix(next.prefix, next.behind);
            next.prefix.fill(0xee);
          }
        }
        take(queue.bytes);
        expect(queue.bytes).toBe(0);
        expect(Buffer.concat(taken)).toEqual(Buffer.concat(added));
      }),
    );
  });

  it.each([
    ['whole chunks', 10_000],
    ['parts of chunks', 9_999],
  ])('keeps nothing of what was sent, even if it is never empty, taken in %s', async (_, taken) => {
    const queue = new SendQueue();
    const sent: WeakRef<Uint8Array>[] = [];
    queue.add(new Uint8Array(10_000));
    for (let round = 0; round < 1_000; round += 1) {
      const chunk = new Uint8Array(10_000);
      sent.push(new WeakRef(chunk));
      queue.add(chunk);
      queue.take(taken, () => undefined);
    }
    await eventually(() => {
      collectGarbage();
      expect(sent.filter((chunk) => chunk.deref() !== undefined).length).toBeLessThan(100);
    });
  });
});
