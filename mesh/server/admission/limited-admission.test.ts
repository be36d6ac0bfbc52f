import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import type { EnteringCall, Place, Work } from './admission.ts';
import { LimitedAdmission } from './limited-admission.ts';
import { fixedLimits } from './policy.ts';
import { Turns } from './turns.ts';

function callOver(peer: string): EnteringCall {
  return {
    path: '/test/Call',
    peer,
    isOver: false,
    remainingMs: () => Number.POSITIVE_INFINITY,
    listenForEnd: () => undefined,
  };
}

describe('the slots of streams that make nothing', () => {
  it('go to calls that wait, also that of a stream which began while others were looked at', async () => {
    const admission = new LimitedAdmission(fixedLimits({ workingPerConnection: 1 }), new Turns());
    const begun = new Map<string, Place>();
    const enter = async (name: string, work: Work) => {
      void admission.enter(callOver(name.charAt(0)), work).then((place) => begun.set(name, place));
      await turn();
    };
    await enter('a1', 'once');
    await enter('b-stream', 'streaming');
    // From now on it is waited whether the stream of b makes something.
    await enter('b1', 'once');
    await enter('a-stream', 'streaming');
    await enter('a2', 'once');
    begun.get('a1')?.leave();
    await turn();
    await turn();
    expect([...begun.keys()]).toEqual(['a1', 'b-stream', 'a-stream']);
    await eventually(() => expect([...begun.keys()].slice(3).sort()).toEqual(['a2', 'b1']));
  });
});
