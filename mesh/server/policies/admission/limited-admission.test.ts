import { setImmediate as turn } from 'node:timers/promises';
import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import type { EnteringCall, Place, Work } from './admission.ts';
import { LimitedAdmission } from './limited-admission.ts';
import { fixedLimits } from './policy.ts';
import { ProcessLoad } from './process-load.ts';
import { Turns } from './turns.ts';

function callOver(peer: string): EnteringCall {
  return {
    path: '/test/Call',
    peer,
    requestBytes: 0,
    isOver: false,
    remainingMs: () => Number.POSITIVE_INFINITY,
    listenForEnd: () => undefined,
  };
}

/** An admission, and who has begun by it. */
function watched(limits = fixedLimits(), turns = new Turns(), process = new ProcessLoad()) {
  const admission = new LimitedAdmission(limits, turns, process);
  const begun = new Map<string, Place>();
  const refused: unknown[] = [];
  const enter = async (name: string, work: Work) => {
    const note = (place: Place) => void begun.set(name, place);
    admission.enter(callOver(name.charAt(0)), work).then(note, (error) => refused.push(error));
    await turn();
    await turn();
  };
  return { admission, begun, refused, enter };
}

describe('the slot of a streaming handler', () => {
  it('goes to another call while the handler is idle, which waits for a slot to run again', async () => {
    const { begun, enter } = watched(fixedLimits({ working: 2, workingPerConnection: 1 }));
    await enter('a-stream', 'streaming');
    await enter('a1', 'once');
    expect([...begun.keys()]).toEqual(['a-stream']);
    begun.get('a-stream')?.rest();
    await turn();
    expect([...begun.keys()]).toEqual(['a-stream', 'a1']);
    let works = false;
    void begun
      .get('a-stream')
      ?.work()
      ?.then(() => (works = true));
    await turn();
    await turn();
    expect(works).toBe(false);
    begun.get('a1')?.leave();
    await turn();
    await turn();
    expect(works).toBe(true);
  });

  it('stays with the handler if it continues before another call takes it', async () => {
    const { begun, enter } = watched(fixedLimits({ working: 1 }));
    await enter('a-stream', 'streaming');
    await enter('b1', 'once');
    begun.get('a-stream')?.rest();
    expect(begun.get('a-stream')?.work()).toBeUndefined();
    await turn();
    await turn();
    expect([...begun.keys()]).toEqual(['a-stream']);
    begun.get('a-stream')?.rest();
    begun.get('a-stream')?.leave();
    await turn();
    await turn();
    expect([...begun.keys()]).toEqual(['a-stream', 'b1']);
  });
});

describe('the handlers of a process', () => {
  it('are limited: a call of any service whose turn comes beyond that is refused', async () => {
    const process = new ProcessLoad({ working: 2 });
    const turns = new Turns();
    const [one, other] = [1, 2].map(() => watched(fixedLimits(), turns, process));
    await one?.enter('a1', 'once');
    await one?.enter('a-stream', 'streaming');
    await other?.enter('b1', 'once');
    expect(other?.refused).toEqual([
      expect.objectContaining({
        code: Status.RESOURCE_EXHAUSTED,
        reason: 'SERVER_OVERLOADED',
        message: expect.stringContaining('it reached GRPC_MAX_RUNNING_CALLS'),
        publicText: expect.not.stringContaining('GRPC_'),
      }),
    ]);
    one?.begun.get('a-stream')?.rest();
    await other?.enter('b2', 'once');
    expect([...(other?.begun.keys() ?? [])]).toEqual(['b2']);
    // It has begun, so it is let on.
    expect(one?.begun.get('a-stream')?.work()).toBeUndefined();
    await other?.enter('b3', 'once');
    expect(other?.refused).toHaveLength(2);
    for (const place of [...(one?.begun.values() ?? []), ...(other?.begun.values() ?? [])]) place.leave();
    expect(process.working).toBe(0);
    await other?.enter('b4', 'once');
    expect([...(other?.begun.keys() ?? [])]).toEqual(['b2', 'b4']);
  });
});
