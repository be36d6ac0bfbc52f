import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { event, numbered, readSome } from '../../testing/sample-events.ts';
import type { TestLogs } from './fixture.ts';

/** How every event log publishes. */
export function describePublishing({ makeTopic, open }: TestLogs): void {
  it('gives each partition dense offsets from 0, in the order of publishing', async () => {
    const log = await open();
    const topic = await makeTopic(log);
    const positions = [
      ...(await log.publish(numbered(topic, ['a', 'b', 'c', 'd', 'e'], 20))),
      ...(await log.publish(numbered(topic, ['a', 'b', 'c', 'd', 'e'], 20))),
    ];
    for (const [partition, end] of await log.endOffsets(topic)) {
      const offsets = positions.filter((position) => position.partition === partition).map(({ offset }) => offset);
      expect(offsets).toEqual(offsets.map((_, index) => BigInt(index)));
      expect(end).toBe(BigInt(offsets.length));
    }
  });

  it('assigns a key to the same partition as the Java client of Kafka', async () => {
    const log = await open();
    const topic = await makeTopic(log, 12);
    const [foobar, abc] = await log.publish([event(topic, 'foobar', 'x'), event(topic, 'abc', 'x')]);
    expect(foobar?.partition).toBe((-790332482 & 0x7fffffff) % 12);
    expect(abc?.partition).toBe(479470107 % 12);
  });

  it('delivers an event as it was published', async () => {
    const log = await open();
    const topic = await makeTopic(log);
    const published = { ...event(topic, 'käse', '{"price":1}'), headers: { ce_type: 'ORDER_PLACED', 'x-ü': 'ä' } };
    const [position] = await log.publish([published]);
    const [stored] = await readSome(log, topic, { at: 'beginning' }, 1);
    expect({ ...stored, value: Buffer.from(stored?.value ?? []) }).toEqual({ ...published, ...position });
  });

  it('lists its topics in the order of their names, also those that are new', async () => {
    const log = await open();
    const last = `test.z.${randomUUID()}`;
    const first = `test.A.${randomUUID()}`;
    for (const topic of [last, first]) await log.ensureTopic(topic, { partitions: 1 });
    const names = (await log.topics()).map(({ name }) => name);
    expect(names).toEqual(names.toSorted());
    expect(names).toEqual(expect.arrayContaining([first, last]));
  });

  it('lists its topics and does not change the partitions of an existing one', async () => {
    const log = await open();
    const topic = await makeTopic(log, 3);
    await log.ensureTopic(topic, { partitions: 5 });
    expect((await log.topics()).filter(({ name }) => name === topic)).toEqual([{ name: topic, partitions: 3 }]);
    await expect(log.check()).resolves.toBeUndefined();
    await expect(log.checkPartitions()).resolves.toBeUndefined();
  });

  it('refuses an event for a topic that does not exist', async () => {
    const log = await open();
    await expect(log.publish([event(`missing.${randomUUID()}`, 'a', 'x')])).rejects.toMatchObject({
      reason: 'UNKNOWN_TOPIC',
    });
  });
}
