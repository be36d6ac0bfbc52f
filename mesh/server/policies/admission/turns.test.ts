import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Starter, Turns } from './turns.ts';

describe('the turns in which calls start', () => {
  it.each([0, 1, 8])('end after 10 ms of handlers that work after %i microtasks', async (microtasks) => {
    const [calls, workMs] = [60, 4];
    let [started, ended] = [0, 0];
    const handle = async () => {
      for (let count = 0; count < microtasks; count += 1) await null;
      for (const endMs = performance.now() + workMs; performance.now() < endMs; );
      ended += 1;
    };
    const starter: Starter = {
      startNext() {
        if (started === calls) return false;
        started += 1;
        void Promise.resolve().then(handle);
        return true;
      },
    };
    const turns = new Turns();
    let most = 0;
    turns.ask(starter);
    while (ended < calls) {
      const before = ended;
      await setImmediate();
      most = Math.max(most, ended - before);
    }
    // Three fit into 10 ms; a batch of two may begin before they are over.
    expect(most).toBeLessThanOrEqual(5);
  });
});
