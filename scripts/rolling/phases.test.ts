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
});
