import { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { Output } from './output.ts';

/** An output, and how many of its bytes each write to its socket has. */
function createOutput() {
  const writes: number[] = [];
  const socket = new Socket();
  vi.spyOn(socket, 'write').mockImplementation((bytes) => {
    writes.push((bytes as Uint8Array).length);
    return true;
  });
  return { output: new Output(socket, () => undefined), writes };
}

const nextTick = () => new Promise<void>((resolve) => process.nextTick(resolve));
const frameBytes = 13;

describe('the output of a connection', () => {
  it('writes all frames of a tick together, in the same turn of the event loop', async () => {
    const { output, writes } = createOutput();
    output.numberFrame(8, 0, 1);
    output.numberFrame(8, 0, 2);
    await nextTick();
    await nextTick();
    expect(writes).toEqual([2 * frameBytes]);
  });

  it('writes what later ticks of a turn add together, at its end', async () => {
    const { output, writes } = createOutput();
    for (let tick = 0; tick < 5; tick += 1) {
      output.numberFrame(8, 0, tick);
      await nextTick();
      await nextTick();
    }
    expect(writes).toEqual([frameBytes]);
    await setImmediate();
    expect(writes).toEqual([frameBytes, 4 * frameBytes]);
  });

  it('writes immediately again in the next turn', async () => {
    const { output, writes } = createOutput();
    for (let turn = 0; turn < 3; turn += 1) {
      output.numberFrame(8, 0, turn);
      await nextTick();
      await nextTick();
      expect(writes).toHaveLength(turn + 1);
      await setImmediate();
    }
  });

  it('writes nothing at the end of a turn in which it was closed', async () => {
    const { output, writes } = createOutput();
    for (let tick = 0; tick < 2; tick += 1) {
      output.numberFrame(8, 0, tick);
      await nextTick();
      await nextTick();
    }
    output.close();
    await setImmediate();
    expect(writes).toEqual([frameBytes]);
  });
});
