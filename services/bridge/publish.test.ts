import { randomUUID } from 'node:crypto';
import { Status } from 'nice-grpc';
import { describe, expect, it } from 'vitest';
import { beginning, draft, partitions, testBridge } from './testing/bridge.ts';

describe('EventService.Publish', () => {
  const { bridge, newTopic, take } = testBridge();

  it('publishes to the topics that ListTopics returns', async () => {
    const topic = await newTopic();
    const { topics } = await bridge().listTopics({});
    expect(topics).toContainEqual({ name: topic, partitions });
  });

  it('publishes JSON, which a subscriber receives unchanged, with the attributes of an event', async () => {
    const [topic, requestId] = [await newTopic(), randomUUID()];
    const { partition, offset } = await bridge().publish({
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
    await bridge().publish({ ...draft(topic, 'a'), value });
    const [record] = await take({ topic, from: beginning }, 1);
    expect(Buffer.from(record?.payload ?? [])).toEqual(Buffer.from(value.value));
    expect(record?.headers['content-type']).toBe('application/octet-stream');
    expect(record?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });

  it('gives the event of a repeated call the same id', async () => {
    const topic = await newTopic();
    const request = { ...draft(topic, 'a'), requestId: randomUUID() };
    await bridge().publish(request);
    await bridge().publish(request);
    const records = await take({ topic, from: beginning }, 2);
    expect(records.map(({ id }) => id)).toEqual([request.requestId, request.requestId]);
  });

  it('keeps the events of a key in one partition, in order', async () => {
    const topic = await newTopic();
    const positions = [];
    for (const _ of [1, 2, 3]) positions.push(await bridge().publish(draft(topic, 'a')));
    expect(new Set(positions.map(({ partition }) => partition)).size).toBe(1);
    expect(positions.map(({ offset }) => offset)).toEqual([0n, 1n, 2n]);
  });

  it('lists everything that is wrong with an event', async () => {
    const topic = await newTopic();
    const headers = { ce_id: '1', 'Content-Type': 'x', fine: 'y', CE_type: 'Z' };
    const wrong = bridge().publish({ ...draft(topic, 'a'), headers, value: { $case: 'json', value: '{' } });
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
    await bridge().publish(most);
    await expect(bridge().publish({ ...most, headers: { h: 'x'.repeat(16_384) } })).rejects.toMatchObject({
      code: Status.INVALID_ARGUMENT,
      violations: [{ field: 'headers' }],
    });
    await expect(bridge().publish({ ...most, value: bytes(1_048_577) })).rejects.toMatchObject({
      code: Status.INVALID_ARGUMENT,
      reason: 'EVENT_TOO_LARGE',
    });
  });

  it('returns NOT_FOUND for an unknown topic', async () => {
    const message = expect.stringMatching(/^topic "unknown" not found: use one of .+/);
    const unknown = { code: Status.NOT_FOUND, reason: 'UNKNOWN_TOPIC', message };
    await expect(bridge().publish(draft('unknown', 'a'))).rejects.toMatchObject(unknown);
    await expect(take({ topic: 'unknown' }, 1)).rejects.toMatchObject(unknown);
    const from = { $case: 'offsets', value: { byPartition: { 0: 0n } } } as const;
    await expect(take({ topic: 'unknown', from }, 1)).rejects.toMatchObject(unknown);
  });
});
