import { type Metadata, Status } from 'nice-grpc';
import { describe, expect, it } from 'vitest';
import { EventServiceContract } from '#gen/events/v1/events.contract.ts';
import { type EventRecord, Start, type SubscribeRequest } from '#gen/events/v1/events.ts';
import type { NewEvent } from '#mesh';
import { eventually, startMesh } from '#mesh/testing';
import { bridgeService } from './service.ts';
import { beginning, draft, keysOf, partitions, testBridge } from './testing/bridge.ts';

describe('EventService.Subscribe', () => {
  const { bridge, mesh, newTopic, reading, take } = testBridge();
  /** Waits for the ends of the readings of earlier subscribers: they come after those of the subscriptions. */
  const noneReads = () => eventually(() => expect(reading.open).toBe(0));

  it('resumes from the last offsets without gap or repeat, wherever the stream broke', async () => {
    const topic = await newTopic();
    const published = Array.from({ length: 200 }, (_, index) => draft(topic, `key-${index % 17}`));
    const publishing = Promise.all(published.map((event) => bridge().publish(event)));
    const seen: EventRecord[] = [];
    const byPartition: Record<number, bigint> = {};
    while (seen.length < published.length) {
      const from = { $case: 'offsets', value: { byPartition } } as const;
      for (const record of await take({ topic, from }, Math.min(23, published.length - seen.length))) {
        expect(record.offset).toBe(byPartition[record.partition] ?? 0n);
        byPartition[record.partition] = record.offset + 1n;
        seen.push(record);
      }
    }
    await publishing;
    expect(keysOf(seen).toSorted()).toEqual(published.map(({ key }) => key).toSorted());
  });

  it('resumes after any position without gap or repeat, with any start and filter', async () => {
    const topic = await newTopic();
    const draftOf = (index: number) => draft(topic, `key-${index % 17}`, index % 3 === 0 ? 'THING_LOST' : 'THING_MADE');
    for (let index = 0; index < 40; index++) await bridge().publish(draftOf(index));
    await noneReads();
    let from: SubscribeRequest['from'] = { $case: 'start', value: Start.START_LATEST };
    const seen: EventRecord[] = [];
    const wanted = 80;
    for (let index = 40; seen.length < wanted; ) {
      const batch = take({ topic, from, types: ['THING_MADE'] }, Math.min(7, wanted - seen.length));
      if (index === 40) await eventually(() => expect(reading.open).toBe(1));
      for (; index < 160; index++) await bridge().publish(draftOf(index));
      for (const record of await batch) {
        from = { $case: 'position', value: record.position };
        seen.push(record);
      }
    }
    const published = Array.from({ length: 160 }, (_, index) => draftOf(index)).slice(40);
    expect(keysOf(seen).toSorted()).toEqual(
      published
        .filter(({ type }) => type === 'THING_MADE')
        .map(({ key }) => key)
        .toSorted(),
    );
  });

  it.each([
    ['the end', { $case: 'start', value: Start.START_LATEST }],
    ['a time', { $case: 'time', value: new Date(Date.now() + 60_000) }],
  ] as const)('sends its position before the first event if it starts at %s', async (_, from) => {
    const topic = await newTopic();
    await bridge().publish(draft(topic, 'before'));
    const caller = new AbortController();
    const header = Promise.withResolvers<string | undefined>();
    const onHeader = (metadata: Metadata) => header.resolve(metadata.get('resume-after'));
    const first = bridge()
      .subscribe({ topic, from }, { signal: caller.signal, onHeader })
      [Symbol.asyncIterator]()
      .next();
    const value = await header.promise;
    caller.abort();
    await expect(first).rejects.toThrow();
    await bridge().publish(draft(topic, 'between'));
    expect(value).toMatch(/^0=\d,1=\d,2=\d$/);
    const resumed = { $case: 'position', value: value ?? '' } as const;
    expect(keysOf(await take({ topic, from: resumed }, 1))).toEqual(['between']);
  });

  it.each([
    ['', 'is required'],
    ['0=1,', 'must match the pattern'],
    ['0=1,0=2', 'must have each partition once'],
    [`${partitions}=0,${partitions + 1}=0`, 'must be an offset from 0 of one of the 3 partitions'],
  ])('refuses the position "%s"', async (value, description) => {
    const request = { topic: await newTopic(), from: { $case: 'position', value } } as const;
    await expect(take(request, 1)).rejects.toMatchObject({
      code: Status.INVALID_ARGUMENT,
      violations: [{ field: 'position', description: expect.stringContaining(description) }],
    });
  });

  it('continues with later events', async () => {
    const topic = await newTopic();
    await bridge().publish(draft(topic, 'first'));
    const records = bridge().subscribe({ topic, from: beginning })[Symbol.asyncIterator]();
    await expect(records.next()).resolves.toMatchObject({ value: { key: 'first' } });
    const waiting = records.next();
    await bridge().publish(draft(topic, 'second'));
    await expect(waiting).resolves.toMatchObject({ value: { key: 'second' } });
    await records.return?.();
  });

  it('starts at the end by default', async () => {
    const topic = await newTopic();
    await bridge().publish(draft(topic, 'before'));
    await noneReads();
    const first = take({ topic }, 1);
    await eventually(() => expect(reading.open).toBe(1));
    await bridge().listTopics({});
    await bridge().publish(draft(topic, 'after'));
    expect(keysOf(await first)).toEqual(['after']);
  });

  it('starts at a time', async () => {
    const topic = await newTopic();
    const at = (timeMs: number): NewEvent => ({
      topic,
      key: `at-${timeMs}`,
      headers: {},
      value: new Uint8Array(),
      timeMs,
    });
    for (const timeMs of [1_000, 2_000, 3_000]) await mesh().runtime.events.publish([at(timeMs)]);
    const records = await take({ topic, from: { $case: 'time', value: new Date(2_000) } }, 2);
    expect(keysOf(records).toSorted()).toEqual(['at-2000', 'at-3000']);
  });

  it('filters by types and key', async () => {
    const topic = await newTopic();
    for (const key of ['a', 'b']) {
      for (const type of ['MADE', 'MENDED', 'LOST']) await bridge().publish(draft(topic, key, type));
    }
    const ofTypes = await take({ topic, from: beginning, types: ['MADE', 'LOST'] }, 4);
    expect(ofTypes.map(({ key, type }) => `${key} ${type}`).toSorted()).toEqual([
      'a LOST',
      'a MADE',
      'b LOST',
      'b MADE',
    ]);
    const ofKey = await take({ topic, from: beginning, types: ['MADE', 'LOST'], key: 'b' }, 2);
    expect(ofKey.map(({ key, type }) => `${key} ${type}`)).toEqual(['b MADE', 'b LOST']);
  });

  it('delivers events of producers that set no headers, with the type of their JSON', async () => {
    const topic = await newTopic();
    const value = Buffer.from('{"type":"ORDER_PLACED","total":1.5}');
    await mesh().runtime.events.publish([{ topic, key: 'a', headers: {}, value, timeMs: 1 }]);
    const [record] = await take({ topic, from: beginning, types: ['ORDER_PLACED'] }, 1);
    expect(record).toMatchObject({ type: 'ORDER_PLACED', id: expect.stringContaining(topic) });
  });

  it('lists all invalid offsets', async () => {
    const byPartition = { 0: 0n, 1: -1n, [partitions]: 0n };
    const from = { $case: 'offsets', value: { byPartition } } as const;
    await expect(take({ topic: await newTopic(), from }, 1)).rejects.toMatchObject({
      code: Status.INVALID_ARGUMENT,
      violations: [{ field: 'offsets.by_partition[1]' }, { field: `offsets.by_partition[${partitions}]` }],
    });
  });

  it('reads no more than it can send while its subscriber is slow, and everything after that', async () => {
    const topic = await newTopic();
    const value = Buffer.alloc(4_096);
    const many = Array.from({ length: 4_000 }, (_, index) => ({
      topic,
      key: `${index}`,
      headers: {},
      value,
      timeMs: 1,
    }));
    await mesh().runtime.events.publish(many);
    const readBefore = reading.events;
    const records = bridge().subscribe({ topic, from: beginning })[Symbol.asyncIterator]();
    await records.next();
    for (let call = 0; call < 200; call++) await bridge().listTopics({});
    expect(reading.events - readBefore).toBeLessThan(1_000);
    for (let left = many.length - 1; left > 0; left--) await records.next();
    expect(reading.events - readBefore).toBe(many.length);
    await records.return?.();
  });

  it('stops reading when its subscriber leaves', async () => {
    await noneReads();
    const topic = await newTopic();
    await bridge().publish(draft(topic, 'a'));
    await take({ topic, from: beginning }, 1);
    await noneReads();
  });

  it('ends with UNAVAILABLE when the server stops', async () => {
    const other = await startMesh([bridgeService]);
    await other.runtime.events.ensureTopic('topic');
    const client = other.runtime.client(EventServiceContract);
    await client.publish(draft('topic', 'a'));
    const records = client.subscribe({ topic: 'topic', from: beginning })[Symbol.asyncIterator]();
    await records.next();
    const ended = expect(records.next()).rejects.toMatchObject({
      code: Status.UNAVAILABLE,
      reason: 'SERVER_DRAINING',
    });
    await other.stop();
    await ended;
  });
});
