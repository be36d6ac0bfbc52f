import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createFrameBatch } from './frame-batch.ts';

function setUp(open = () => true) {
  const written: Buffer[] = [];
  const stream = new PassThrough({ highWaterMark: 1024 });
  const write = stream.write.bind(stream);
  const target = {
    get writableNeedDrain() {
      return stream.writableNeedDrain;
    },
    write(bytes: Buffer) {
      written.push(bytes);
      return write(bytes);
    },
  };
  return { written, stream, batch: createFrameBatch(target, open) };
}

const message = Buffer.from('hello');
const frame = Buffer.from([0, 0, 0, 0, 5, ...message]);

describe('the frame batch', () => {
  it('writes the messages of one turn together, including those of microtasks', async () => {
    const { written, batch } = setUp();
    batch.add(message);
    await Promise.resolve();
    batch.add(message);
    expect(written).toEqual([]);
    await turn();
    batch.add(message);
    await turn();
    expect(written).toEqual([Buffer.concat([frame, frame]), frame]);
  });

  it('does not wait for the end of the turn if it has enough', () => {
    const { written, batch } = setUp();
    const large = Buffer.alloc(40_000);
    expect(batch.add(large)).toBe(false);
    expect(written.map((bytes) => bytes.length)).toEqual([40_005]);
  });

  it('has no room until the stream has drained', async () => {
    const { stream, batch } = setUp();
    batch.add(Buffer.alloc(2_000));
    await turn();
    expect(batch.add(message)).toBe(false);
    stream.resume();
    await turn();
    expect(batch.add(message)).toBe(true);
  });

  it('drops its messages when the call has ended', async () => {
    let open = true;
    const { written, batch } = setUp(() => open);
    batch.add(message);
    open = false;
    await turn();
    expect(written).toEqual([]);
  });
});
