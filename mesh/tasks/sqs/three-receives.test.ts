import { expect, it } from 'vitest';
import { listDeadLetters, oneDeadLetter } from '../../dead-letters/testing/dead-letters.ts';
import { eventually } from '../../testing/eventually.ts';
import { newTask } from '../suite/fixture.ts';
import { describeSqsTasks } from '../testing/sqs-tasks.ts';

const slowly = { timeoutMs: 25_000, intervalMs: 100 };

describeSqsTasks('a dead letter queue of SQS', ({ client, newQueue, open }) => {
  const urlOf = async (QueueName: string) => (await client().getQueueUrl({ QueueName })).QueueUrl ?? '';
  const countOf = async (name: string) => {
    const QueueUrl = await urlOf(name);
    const { Attributes } = await client().getQueueAttributes({ QueueUrl, AttributeNames: ['All'] });
    return Number(Attributes?.ApproximateNumberOfMessages);
  };
  /** Receives like a worker of another program that fails: it deletes nothing. */
  const failThreeTimes = async (queue: string) => {
    const QueueUrl = await urlOf(queue);
    for (const receive of [1, 2, 3]) {
      const request = { QueueUrl, VisibilityTimeout: 0, MessageSystemAttributeNames: ['All' as const] };
      const { Messages = [] } = await client().receiveMessage(request);
      expect(Messages.map(({ Attributes }) => Attributes?.ApproximateReceiveCount)).toEqual([`${receive}`]);
    }
    const fourth = await client().receiveMessage({ QueueUrl, VisibilityTimeout: 0 });
    expect(fourth.Messages ?? []).toEqual([]);
  };

  it('is created with its queue, for three receives', async () => {
    const queue = newQueue();
    await (await open()).enqueue(queue, [newTask('a')]);
    const { Attributes } = await client().getQueueAttributes({ QueueUrl: await urlOf(queue), AttributeNames: ['All'] });
    expect(JSON.parse(Attributes?.RedrivePolicy ?? '{}')).toMatchObject({
      deadLetterTargetArn: expect.stringMatching(`:${queue}-dlq$`),
      maxReceiveCount: 3,
    });
    expect(Attributes).toMatchObject({ VisibilityTimeout: '60', ReceiveMessageWaitTimeSeconds: '20' });
  });

  it('gets what was received three times, and StartMessageMoveTask returns all of it', async () => {
    const queue = newQueue();
    const tasks = await open();
    await tasks.enqueue(queue, [{ ...newTask('a'), headers: { to: 'bob' } }]);
    await failThreeTimes(queue);
    await eventually(async () => expect(await countOf(`${queue}-dlq`)).toBe(1), slowly);
    const { Attributes } = await client().getQueueAttributes({
      QueueUrl: await urlOf(`${queue}-dlq`),
      AttributeNames: ['QueueArn'],
    });
    await client().startMessageMoveTask({ SourceArn: Attributes?.QueueArn });
    await eventually(async () => expect(await countOf(queue)).toBe(1), slowly);
    const done = Promise.withResolvers<unknown>();
    await tasks.work({ queue, handle: async ({ id, headers }) => done.resolve({ id, headers }) });
    expect(await done.promise).toEqual({ id: 'a', headers: { to: 'bob' } });
  });

  it('is emptied by a worker of the mesh into its dead letters, each of which can be redriven', async () => {
    const queue = newQueue();
    const tasks = await open();
    await tasks.enqueue(queue, [{ ...newTask('a'), headers: { to: 'bob' } }]);
    await failThreeTimes(queue);
    const done = Promise.withResolvers<string>();
    await tasks.work({ queue, handle: async ({ id }) => done.resolve(id) });
    const dead = await eventually(() => oneDeadLetter(tasks), slowly);
    expect(dead).toMatchObject({ origin: queue, reason: 'TASK_REJECTED', subjectId: 'a', headers: { to: 'bob' } });
    expect(await tasks.deadLetters.redrive(dead.id)).toBe(true);
    expect(await done.promise).toBe('a');
    expect(await listDeadLetters(tasks)).toEqual([]);
  });

  it('that two queues share keeps the messages of the one on which no worker of the mesh works', async () => {
    const [mails, others, letters] = [newQueue(), newQueue(), newQueue()];
    const { QueueUrl } = await client().createQueue({ QueueName: letters });
    const { Attributes } = await client().getQueueAttributes({ QueueUrl, AttributeNames: ['QueueArn'] });
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: Attributes?.QueueArn, maxReceiveCount: 3 });
    const tasks = await open();
    for (const queue of [others, mails]) {
      await client().createQueue({ QueueName: queue, Attributes: { RedrivePolicy } });
      await tasks.enqueue(queue, [newTask(queue)]);
      await failThreeTimes(queue);
    }
    await eventually(async () => expect(await countOf(letters)).toBe(2), slowly);
    await tasks.work({ queue: mails, handle: async () => undefined });
    const dead = await eventually(() => oneDeadLetter(tasks), slowly);
    expect(dead).toMatchObject({ origin: mails, subjectId: mails });
    await eventually(async () => expect(await countOf(letters)).toBe(1), slowly);
    expect(await listDeadLetters(tasks)).toHaveLength(1);
  }, 90_000);
});
