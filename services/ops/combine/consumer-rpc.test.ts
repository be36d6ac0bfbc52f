import { type Client, Status } from 'nice-grpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConsumerServiceContract } from '#gen/ops/v1/consumer.contract.ts';
import type { ConsumerServiceDefinition, ReplayConsumerRequest } from '#gen/ops/v1/consumer.ts';
import { eventually, startMesh, type TestMesh } from '#mesh/testing';
import { opsService } from '../service.ts';
import { createReaderService, type ReaderService } from '../testing/reader-service.ts';

describe('ConsumerService', () => {
  let mesh: TestMesh;
  let reader: ReaderService;
  let consumers: Client<ConsumerServiceDefinition>;

  beforeEach(async () => {
    reader = createReaderService();
    mesh = await startMesh([reader.definition, opsService]);
    consumers = mesh.runtime.client(ConsumerServiceContract);
  });
  afterEach(() => mesh.stop());

  const publish = (...values: string[]) =>
    mesh.runtime.events.publish(
      values.map((value) => ({
        topic: 'notes',
        key: 'a',
        headers: { ce_id: value },
        value: Buffer.from(value),
        timeMs: Date.now(),
      })),
    );
  const replay = async (request: Partial<ReplayConsumerRequest> = {}) =>
    (await Array.fromAsync(consumers.replayConsumer({ group: 'readers', ...request }))).at(-1);

  /** Of each group, in all partitions that have events. */
  const eventsBehind = async () => {
    const { groups } = await consumers.listConsumers({});
    const positions = groups.flatMap((group) => group.positions).filter(({ endOffset }) => endOffset > 0n);
    return positions.map((position) => position.eventsBehind);
  };

  it('lists the groups with their position in each partition', async () => {
    const [published] = await publish('1');
    await eventually(async () => {
      const { groups } = await consumers.listConsumers({});
      expect(groups).toMatchObject([{ group: 'readers', service: 'reader' }]);
      expect(groups[0]?.positions).toHaveLength(12);
      const position = groups[0]?.positions.find(({ partition }) => partition === published?.partition);
      expect(position).toEqual({
        topic: 'notes',
        partition: published?.partition,
        nextOffset: 1n,
        endOffset: 1n,
        eventsBehind: 0n,
      });
    });
  });

  it('replays what was ignored before, and passes over what took effect', async () => {
    reader.ignores = (value) => value !== '2';
    await publish('1', '2', '3');
    // Not only the second: what is handled after the change below would take effect at once.
    await eventually(async () => expect(await eventsBehind()).toEqual([0n]));
    expect(reader.applied).toEqual(['2']);
    reader.ignores = (value) => value === '1';
    const last = await replay();
    expect(last).toMatchObject({ eventsApplied: 1n, eventsKnown: 1n, eventsIgnored: 1n, eventsDead: 0n, done: true });
    expect(reader.applied).toEqual(['2', '3']);
    const [{ partition = 0 } = {}] = await publish('4');
    reader.ignores = () => false;
    await eventually(() => expect(reader.applied).toEqual(['2', '3', '4']));
    const from = { $case: 'offsets', value: { byPartition: { [partition]: 1n } } } as const;
    expect(await replay({ topic: 'notes', from })).toMatchObject({ eventsApplied: 0n, eventsKnown: 3n });
    const later = { $case: 'time', value: new Date(Date.now() + 60_000) } as const;
    expect(await replay({ from: later })).toMatchObject({ eventsApplied: 0n, eventsKnown: 0n, done: true });
    expect(await replay()).toMatchObject({ eventsApplied: 1n, eventsKnown: 3n });
    expect(reader.applied).toEqual(['2', '3', '4', '1']);
  });

  it('refuses an offset of a partition that does not exist', async () => {
    const from = { $case: 'offsets', value: { byPartition: { 0: 0n, 99: 1n } } } as const;
    await expect(replay({ from })).rejects.toMatchObject({
      code: Status.INVALID_ARGUMENT,
      violations: [{ field: 'offsets.by_partition', description: 'must not name partition 99: use 0 to 11' }],
    });
  });

  it('names the groups and topics if it does not know the requested one', async () => {
    await expect(replay({ group: 'writers' })).rejects.toMatchObject({
      code: Status.NOT_FOUND,
      reason: 'UNKNOWN_GROUP',
      message: expect.stringContaining('use one of readers'),
    });
    await expect(replay({ topic: 'orders' })).rejects.toMatchObject({
      code: Status.INVALID_ARGUMENT,
      violations: [{ field: 'topic', description: 'must be empty or one of notes' }],
    });
  });
});
