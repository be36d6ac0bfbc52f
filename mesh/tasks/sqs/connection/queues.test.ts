import { expect, it } from 'vitest';
import { parseSqsUrl } from '../../../config/sqs-url.ts';
import { createLogger } from '../../../telemetry/logger.ts';
import { createTestClock } from '../../../testing/test-clock.ts';
import { type FakeSqs, fakeCalls } from '../../testing/fake-sqs.ts';
import { sqsError } from './faults.ts';
import { createSqsQueues } from './queues.ts';

function newQueues(sqs: FakeSqs, url = 'sqs://eu-central-1?queues=existing') {
  const clock = createTestClock();
  const target = parseSqsUrl(url) ?? expect.fail();
  return { clock, queues: createSqsQueues({ target, calls: fakeCalls(sqs), clock, logger: createLogger('silent') }) };
}

it('a dead letter queue that a queue gets later is found after a minute, without a request meanwhile', async () => {
  let requests = 0;
  let policy: string | undefined;
  const { clock, queues } = newQueues({
    getQueueUrl: async ({ QueueName }) => ({ QueueUrl: QueueName }),
    async getQueueAttributes() {
      requests += 1;
      return { Attributes: { QueueArn: 'arn:mails', ...(policy !== undefined && { RedrivePolicy: policy }) } };
    },
  });
  expect(await queues.deadLettersOf('mails')).toBeUndefined();
  const requestsBefore = requests;
  policy = JSON.stringify({ deadLetterTargetArn: 'arn:aws:sqs:eu-central-1:123:shared' });
  clock.advance(59_000);
  expect(await queues.deadLettersOf('mails')).toBeUndefined();
  expect(requests).toBe(requestsBefore);
  clock.advance(1_000);
  expect(await queues.deadLettersOf('mails')).toEqual({ url: 'shared', sourceArn: 'arn:mails', isOwn: false });
});

it('the late failure of an old lookup leaves the later one known', async () => {
  const lookups: PromiseWithResolvers<unknown>[] = [];
  const { queues } = newQueues({
    getQueueUrl() {
      const lookup = Promise.withResolvers<unknown>();
      lookups.push(lookup);
      return lookup.promise;
    },
  });
  const old = queues.ensure('mails');
  queues.forget('mails');
  const later = queues.ensure('mails');
  lookups[1]?.resolve({ QueueUrl: 'mails' });
  await later;
  lookups[0]?.reject(new Error('too late'));
  await expect(old).rejects.toThrow('too late');
  await queues.ensure('mails');
  expect(lookups).toHaveLength(2);
});

it('the queues of another account are asked for by its number, and never created', async () => {
  const asked: unknown[] = [];
  const missing = Object.assign(new Error('no such queue'), { name: 'QueueDoesNotExist' });
  const { queues } = newQueues(
    {
      async getQueueUrl(request) {
        asked.push(request);
        throw sqsError(missing);
      },
      createQueue: async () => expect.fail('it belongs to another account'),
    },
    'sqs://eu-central-1/prod-?account=123456789012',
  );
  await expect(queues.ensure('mails')).rejects.toMatchObject({
    reason: 'TASKS_MISCONFIGURED',
    message: expect.stringContaining('queue prod-mails does not exist in account 123456789012: create it there'),
  });
  expect(asked).toEqual([{ QueueName: 'prod-mails', QueueOwnerAWSAccountId: '123456789012' }]);
});
