import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Caller, createTally } from './callers.ts';
import { restartUnderLoad } from './phases.ts';

const quick = { quietMs: 0, say: () => undefined };

/** A caller whose calls end when the test lets them. */
function fakeCaller(beforeEnd: (note: (error?: unknown) => void) => Promise<void> = async () => undefined) {
  const { note, seen } = createTally();
  let ends = 0;
  const caller: Caller = {
    name: 'fake',
    async end() {
      ends += 1;
      await beforeEnd(note);
      return seen();
    },
  };
  return { caller, note, ends: () => ends };
}

describe('callers during a rolling restart', () => {
  it('count a call that fails after the last restart, when its deadline ends it', async () => {
    const { caller, note } = fakeCaller(async (late) => late(new Error('DEADLINE_EXCEEDED')));
    const { phases, errors } = await restartUnderLoad([caller], async () => note(), { ...quick, services: ['order'] });
    expect(phases.map(({ service, calls }) => [service, calls.get('fake')])).toEqual([
      ['none', { calls: 0, failed: 0 }],
      ['order', { calls: 2, failed: 1 }],
    ]);
    expect(errors.get('fake')).toEqual(['Error: DEADLINE_EXCEEDED']);
  });

  it('are ended if a restart fails', async () => {
    const callers = [fakeCaller(), fakeCaller()];
    const failing = restartUnderLoad(
      callers.map(({ caller }) => caller),
      async () => Promise.reject(new Error('order-1 does not serve')),
      { ...quick, services: ['order'] },
    );
    await expect(failing).rejects.toThrow('order-1 does not serve');
    expect(callers.map(({ ends }) => ends())).toEqual([1, 1]);
  });

  it.each([
    ['a restart', { quietMs: 0, restart: () => new Promise<never>(() => undefined) }],
    ['a pause', { quietMs: 60_000, restart: async () => undefined }],
  ])('are ended by Ctrl-C during %s', async (_, { quietMs, restart }) => {
    const { caller, ends } = fakeCaller();
    const interrupted = new AbortController();
    const { signal } = interrupted;
    const running = restartUnderLoad([caller], restart, { ...quick, quietMs, services: ['order'], signal });
    await turn();
    interrupted.abort();
    await expect(running).rejects.toThrow('aborted');
    expect(ends()).toBe(1);
  });

  it('are all waited for if one of them fails at its end, and its error is thrown', async () => {
    let isOver = false;
    const callers = [
      fakeCaller(async () => Promise.reject(new Error('grpcio ended with exit code 1'))),
      fakeCaller(async () => {
        await turn();
        isOver = true;
      }),
    ];
    const running = restartUnderLoad(
      callers.map(({ caller }) => caller),
      async () => undefined,
      { ...quick, services: [] },
    );
    await expect(running).rejects.toThrow('grpcio ended with exit code 1');
    expect(isOver).toBe(true);
  });
});
