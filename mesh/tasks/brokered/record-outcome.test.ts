import { describe, expect, it } from 'vitest';
import { createLogger } from '../../telemetry/logger.ts';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { withDefaults } from '../work-defaults.ts';
import { recordUntilDone } from './record-outcome.ts';

const delivered = {
  id: 'a',
  payload: Buffer.from('a'),
  headers: {},
  stamp: 'stamp',
  attempts: 0,
  cutOffs: 0,
  firstTimeMs: 0,
  problem: undefined,
};

/** Records a failed attempt of a worker whose broker fails twice to remove the task. */
async function recordFailure(retryDelaysMs: readonly number[]): Promise<string[]> {
  const clock = createTestClock();
  const calls: string[] = [];
  const settings = withDefaults({
    queue: 'q',
    retryDelaysMs,
    handle: async () => undefined,
    onEnd: (end) => void calls.push(end),
  });
  const context = {
    settings,
    clock,
    logger: createLogger('silent'),
    deadLetters: { add: async () => void calls.push('buried') },
    sendToWait: async () => void calls.push('sent'),
    async remove() {
      calls.push('remove');
      if (calls.filter((call) => call === 'remove').length < 3) throw new Error('not now');
    },
  };
  const failed = { is: 'failed' as const, error: new Error('no') };
  let isRecorded = false;
  const recording = recordUntilDone(failed, delivered, context, new AbortController().signal).then(() => {
    isRecorded = true;
  });
  await eventually(() => {
    clock.advance(1_000);
    expect(isRecorded).toBe(true);
  });
  await recording;
  return calls;
}

describe('the outcome of a task that cannot be removed yet', () => {
  it('sends the task to wait once, and only its removal is repeated', async () => {
    expect(await recordFailure([1])).toEqual(['sent', 'remove', 'remove', 'remove', 'failed']);
  });

  it('writes its dead letter once', async () => {
    expect(await recordFailure([])).toEqual(['buried', 'remove', 'remove', 'remove', 'dead']);
  });
});
