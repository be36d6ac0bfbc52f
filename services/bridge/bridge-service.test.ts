import { randomUUID } from 'node:crypto';
import { type Client, Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventServiceContract } from '#gen/events/v1/events.contract.ts';
import { type EventRecord, type EventServiceDefinition, Start, type SubscribeRequest } from '#gen/events/v1/events.ts';
import type { EventLog, NewEvent } from '#mesh';
import { eventually, onRuntime, startMesh, type TestMesh } from '#mesh/testing';
import { bridgeService } from './service.ts';

const partitions = 3;
const beginning = { $case: 'start', value: Start.START_BEGINNING } as const;

describe('the bridge', () => {
  let mesh: TestMesh;
  let bridge: Client<EventServiceDefinition>;
  const reading = { events: 0, open: 0 };

  /** The log, with a count of what is read of it. */
  function counted(events: EventLog): EventLog {
    return {
      ...events,
      async *read(topic, from, signal) {
        reading.open += 1;
        try {
          for await (const event of events.read(topic, from, signal)) {
            reading.events += 1;
            yield event;
          }
        } finally {
          reading.open -= 1;
        }
      },
    };
  }

  beforeAll(async () => {
    mesh = await startMesh([onRuntime(bridgeService, (runtime) => ({ ...runtime, events: counted(runtime.events) }))]);
    bridge = mesh.runtime.client(EventServiceContract);
  });
  afterAll(() => mesh.stop());

  async function newTopic(): Promise<string> {
    const topic = `topic-${randomUUID()}`;
    await mesh.runtime.events.ensureTopic(topic, { partitions });
    return topic;
  }

  function draft(topic: string, key: string, type = 'THING_MADE') {
    return { topic, key, type, value: { $case: 'json', value: `{"key":"${key}"}` } as const };
  }

  /** The first `count` records of a subscription, which then ends. */
  async function take(request: Partial<SubscribeRequest>, count: number): Promise<EventRecord[]> {
    const records: EventRecord[] = [];
    for await (const record of bridge.subscribe(request)) if (records.push(record) === count) break;
    return records;
  }

  const keysOf = (records: readonly EventRecord[]) => records.map(({ key }) => key);

  it('lists the topics', async () => {
    const topic = await newTopic();
    const { topics } = await bridge.listTopics({});
    expect(topics).toContainEqual({ name: topic, partitions });
  });

  describe('Publish', () => {
    it('publishes JSON, which a subscriber receives unchanged, with the attributes of an event', async () => {
      const [topic, requestId] = [await newTopic(), randomUUID()];
      const { partition, offset } = await bridge.publish({
        ...draft(topic, 'a'),
        requestId,
        headers: { shop: 'Zürich' },
      });
      const [record] = await take({ topic, from: beginning }, 1);
      expect(record).toMatchObject({ topic, partition, offset, key: 'a', type: 'THING_MADE', id: requestId });
      expect(Buffer.from(record?.payload ?? []).toString()).toBe('{"key":"a"}');
      expect(record?.headers).toMatchObject({
        shop: 'Zürich',
        'content-type': 'application/json',
        ce_specversion: '1.0',
        ce_source: '//ordermesh/bridge',
        ce_subject: 'a',
        ce_time: record?.time?.toISOString(),
        traceparent: expect.stringMatching(/^00-/),
      });
    });

    it('publishes bytes', async () => {
      const topic = await newTopic();
      const value = { $case: 'payload', value: Uint8Array.from({ length: 256 }, (_, index) => index) } as const;
      await bridge.publish({ ...draft(topic, 'a'), value });
      const [record] = await take({ topic, from: beginning }, 1);
      expect(Buffer.from(record?.payload ?? [])).toEqual(Buffer.from(value.value));
      expect(record?.headers['content-type']).toBe('application/octet-stream');
      expect(record?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    });

    it('gives the event of a repeated call the same id', async () => {
      const topic = await newTopic();
      const request = { ...draft(topic, 'a'), requestId: randomUUID() };
      await bridge.publish(request);
      await bridge.publish(request);
      const records = await take({ topic, from: beginning }, 2);
      expect(records.map(({ id }) => id)).toEqual([request.requestId, request.requestId]);
    });

    it('keeps the events of a key in one partition, in order', async () => {
      const topic = await newTopic();
      const positions = [];
      for (const _ of [1, 2, 3]) positions.push(await bridge.publish(draft(topic, 'a')));
      expect(new Set(positions.map(({ partition }) => partition)).size).toBe(1);
      expect(positions.map(({ offset }) => offset)).toEqual([0n, 1n, 2n]);
    });

    it('lists everything that is wrong with an event', async () => {
      const topic = await newTopic();
      const headers = { ce_id: '1', 'Content-Type': 'x', fine: 'y', CE_type: 'Z' };
      const wrong = bridge.publish({ ...draft(topic, 'a'), headers, value: { $case: 'json', value: '{' } });
      await expect(wrong).rejects.toMatchObject({
        code: Status.INVALID_ARGUMENT,
        violations: [
          { field: 'headers["ce_id"]' },
          { field: 'headers["Content-Type"]' },
          { field: 'headers["CE_type"]' },
          { field: 'json' },
        ],
      });
    });

    it('accepts 16 KiB of headers and 1 MiB of value, and not a byte more', async () => {
      const topic = await newTopic();
      const bytes = (size: number) => ({ $case: 'payload', value: new Uint8Array(size) }) as const;
      const most = { ...draft(topic, 'a'), headers: { h: 'x'.repeat(16_383) }, value: bytes(1_048_576) };
      await bridge.publish(most);
      await expect(bridge.publish({ ...most, headers: { h: 'x'.repeat(16_384) } })).rejects.toMatchObject({
        code: Status.INVALID_ARGUMENT,
        violations: [{ field: 'headers' }],
      });
      await expect(bridge.publish({ ...most, value: bytes(1_048_577) })).rejects.toMatchObject({
        code: Status.INVALID_ARGUMENT,
        reason: 'EVENT_TOO_LARGE',
      });
    });

    it('is NOT_FOUND for an unknown topic', async () => {
      const message = expect.stringMatching(/^topic unknown not found: use one of .+/);
      const unknown = { code: Status.NOT_FOUND, reason: 'UNKNOWN_TOPIC', message };
      await expect(bridge.publish(draft('unknown', 'a'))).rejects.toMatchObject(unknown);
      await expect(take({ topic: 'unknown' }, 1)).rejects.toMatchObject(unknown);
      const from = { $case: 'offsets', value: { byPartition: { 0: 0n } } } as const;
      await expect(take({ topic: 'unknown', from }, 1)).rejects.toMatchObject(unknown);
    });
  });

  describe('Subscribe', () => {
    it('resumes from the last offsets without gap or repeat, wherever it is cut', async () => {
      const topic = await newTopic();
      const published = Array.from({ length: 200 }, (_, index) => draft(topic, `key-${index % 17}`));
      const publishing = Promise.all(published.map((event) => bridge.publish(event)));
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

    it('continues with later events', async () => {
      const topic = await newTopic();
      await bridge.publish(draft(topic, 'first'));
      const records = bridge.subscribe({ topic, from: beginning })[Symbol.asyncIterator]();
      await expect(records.next()).resolves.toMatchObject({ value: { key: 'first' } });
      const waiting = records.next();
      await bridge.publish(draft(topic, 'second'));
      await expect(waiting).resolves.toMatchObject({ value: { key: 'second' } });
      await records.return?.();
    });

    it('starts at the end by default', async () => {
      const topic = await newTopic();
      await bridge.publish(draft(topic, 'before'));
      const openBefore = reading.open;
      const first = take({ topic }, 1);
      await eventually(() => expect(reading.open).toBe(openBefore + 1));
      await bridge.listTopics({});
      await bridge.publish(draft(topic, 'after'));
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
      for (const timeMs of [1_000, 2_000, 3_000]) await mesh.runtime.events.publish([at(timeMs)]);
      const records = await take({ topic, from: { $case: 'time', value: new Date(2_000) } }, 2);
      expect(keysOf(records).toSorted()).toEqual(['at-2000', 'at-3000']);
    });

    it('filters by types and key', async () => {
      const topic = await newTopic();
      for (const key of ['a', 'b']) {
        for (const type of ['MADE', 'MENDED', 'LOST']) await bridge.publish(draft(topic, key, type));
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
      await mesh.runtime.events.publish([{ topic, key: 'a', headers: {}, value, timeMs: 1 }]);
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
      await mesh.runtime.events.publish(many);
      const readBefore = reading.events;
      const records = bridge.subscribe({ topic, from: beginning })[Symbol.asyncIterator]();
      await records.next();
      for (let call = 0; call < 200; call++) await bridge.listTopics({});
      expect(reading.events - readBefore).toBeLessThan(1_000);
      for (let left = many.length - 1; left > 0; left--) await records.next();
      expect(reading.events - readBefore).toBe(many.length);
      await records.return?.();
    });

    it('stops reading when its subscriber leaves', async () => {
      await eventually(() => expect(reading.open).toBe(0));
      const topic = await newTopic();
      await bridge.publish(draft(topic, 'a'));
      await take({ topic, from: beginning }, 1);
      await eventually(() => expect(reading.open).toBe(0));
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
});
