import { expect, it, onTestFinished } from 'vitest';
import { parseSqsUrl } from '../../../config/sqs-url.ts';
import { createLogger } from '../../../telemetry/logger.ts';
import { createTestClock } from '../../../testing/test-clock.ts';
import { createSqsCalls, type SqsCalls } from './calls.ts';
import { loadSqsClient } from './load-client.ts';

async function newCalls(): Promise<SqsCalls> {
  const target = parseSqsUrl('sqs://eu-central-1') ?? expect.fail();
  const tools = { clock: createTestClock(), logger: createLogger('silent') };
  const calls = createSqsCalls(await loadSqsClient(), { ...tools, target });
  onTestFinished(() => calls.close());
  return calls;
}

it('a queue that refuses this process fails its own calls only', async () => {
  const calls = await newCalls();
  const denied = Object.assign(new Error('not authorized to perform sqs:SendMessage'), { name: 'AccessDenied' });
  await expect(calls.call(() => Promise.reject(denied))).rejects.toMatchObject({ reason: 'TASKS_MISCONFIGURED' });
  expect(await calls.call(async () => 'of another queue')).toBe('of another queue');
});

it('a server that cannot be reached fails all calls for a moment', async () => {
  const calls = await newCalls();
  const away = { reason: 'TASKS_UNAVAILABLE', message: expect.stringContaining('ECONNREFUSED') };
  await expect(calls.call(() => Promise.reject(new Error('ECONNREFUSED')))).rejects.toMatchObject(away);
  await expect(calls.call(async () => 'of another queue')).rejects.toMatchObject(away);
});
