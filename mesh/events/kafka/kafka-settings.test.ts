import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compressions } from '../../config/store-settings.ts';
import { type KafkaServer, kafka, startKafka } from '../../testing/servers/kafka-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { systemClock as clock } from '../../time/clock.ts';
import { silent as logger } from '../testing/events.ts';
import { numbered, readSome, text } from '../testing/sample-events.ts';
import { createKafka } from './client/kafkajs.ts';
import { openKafkaLog } from './kafka-log.ts';

describeWithServer(kafka, 'the settings of the event log on Kafka', () => {
  let server: KafkaServer;
  beforeAll(async () => {
    server = await startKafka();
  }, 60_000);
  afterAll(() => server.stop());

  // The numbers of the codecs in Kafka's protocol.
  const codecs = { none: 0, gzip: 1, snappy: 2, zstd: 4 };
  const attributesAt = 21;

  it.each(compressions)('compress what is published: %s', async (compression) => {
    const log = openKafkaLog(`kafka://${server.brokers}`, { compression, clock, logger });
    const topic = `test.${randomUUID()}`;
    await log.ensureTopic(topic, { partitions: 1 });
    await log.publish(numbered(topic, ['a'], 100));
    const segment = await readFile(join(server.partitionFolder(topic, 0), '00000000000000000000.log'));
    expect(segment.readInt16BE(attributesAt) & 7).toBe(codecs[compression]);
    const read = await readSome(log, topic, { at: 'beginning' }, 100);
    expect(read.map(text)).toEqual(Array.from({ length: 100 }, (_, index) => `${index}`));
    await log.close();
  });

  it('decide partitions and retention of the topics that it creates, and change no others', async () => {
    const admin = createKafka(server.brokers.split(','), logger).admin();
    await admin.connect();
    const [topic, owned] = [`test.${randomUUID()}`, `test.${randomUUID()}`];
    const configEntries = [
      { name: 'cleanup.policy', value: 'compact' },
      { name: 'message.timestamp.type', value: 'LogAppendTime' },
      { name: 'retention.ms', value: '-1' },
    ];
    await admin.createTopics({ topics: [{ topic: owned, numPartitions: 2, configEntries }] });
    const topicDefaults = { partitions: 5, retentionMs: 7_200_000 };
    const log = openKafkaLog(`kafka://${server.brokers}`, { topicDefaults, clock, logger });
    for (const name of [topic, owned]) {
      await log.ensureTopic(name);
      await log.publish(numbered(name, ['a'], 3));
      expect((await readSome(log, name, { at: 'beginning' }, 3)).map(text)).toEqual(['0', '1', '2']);
    }
    const partitions = new Map((await log.topics()).map((one) => [one.name, one.partitions]));
    expect([partitions.get(topic), partitions.get(owned)]).toEqual([5, 2]);
    const retentionOf = async (name: string) => {
      const type = kafkajs.ConfigResourceTypes.TOPIC;
      const asked = { includeSynonyms: false, resources: [{ type, name, configNames: ['retention.ms'] }] };
      return (await admin.describeConfigs(asked)).resources[0]?.configEntries[0]?.configValue;
    };
    expect([await retentionOf(topic), await retentionOf(owned)]).toEqual(['7200000', '-1']);
    await log.close();
    await admin.disconnect();
  });
});
