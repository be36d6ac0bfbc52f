import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openStorage } from '#mesh';
import { createKafka } from '../mesh/events/kafka/client/kafkajs.ts';
import { event } from '../mesh/events/testing/sample-events.ts';
import { createLogger } from '../mesh/telemetry/logger.ts';
import { eventually } from '../mesh/testing/eventually.ts';
import { kafka, startKafka } from '../mesh/testing/servers/kafka-server.ts';
import { postgres, startPostgres } from '../mesh/testing/servers/postgres-server.ts';
import { describeWithServer } from '../mesh/testing/servers/servers.ts';
import { startMesh } from '../mesh/testing/start-mesh.ts';
import { allServices } from '../services/all.ts';
import { createKeeper, folderForTest, startForTest } from './support/keeper-service.ts';

const dayMs = 86_400_000;

describe('a setting of a mesh', () => {
  it.each([
    [{}, 12, 7 * dayMs],
    [{ EVENTS_PARTITIONS: '5', EVENTS_RETENTION_MS: `${2 * dayMs}` }, 5, 2 * dayMs],
  ])('decides partitions and retention of every embedded topic: %j', async (settings, partitions, retentionMs) => {
    const dataDir = await folderForTest();
    const mesh = await startMesh(allServices, { DATA_DIR: dataDir, ...settings });
    const topics = await mesh.runtime.events.topics();
    await mesh.stop();
    expect(topics.length).toBeGreaterThan(3);
    expect(new Set(topics.map((topic) => topic.partitions))).toEqual(new Set([partitions]));
    using database = new DatabaseSync(join(dataDir, 'events.db'));
    const rows = database.prepare('SELECT DISTINCT retention_ms AS kept FROM log_topic').all();
    expect(rows.map(({ kept }) => kept)).toEqual([retentionMs]);
  });

  describeWithServer(kafka, 'of events on Kafka', () => {
    it('decides partitions, retention and compression', { timeout: 120_000 }, async () => {
      const server = await startKafka();
      onTestFinished(() => server.stop());
      const url = { EVENTS_URL: `kafka://${server.brokers}` };
      const own = { EVENTS_PARTITIONS: '3', EVENTS_RETENTION_MS: `${2 * dayMs}`, EVENTS_COMPRESSION: 'snappy' };
      const mesh = await startForTest([createKeeper().definition], { ...url, ...own });
      await eventually(async () => {
        expect(await mesh.runtime.events.topics()).toContainEqual({ name: 'notes', partitions: 3 });
      });
      const admin = createKafka(server.brokers.split(','), createLogger('silent')).admin();
      await admin.connect();
      onTestFinished(() => admin.disconnect());
      // 2 is a topic.
      const asked = { includeSynonyms: false, resources: [{ type: 2, name: 'notes', configNames: ['retention.ms'] }] };
      const { resources } = await admin.describeConfigs(asked);
      expect(resources[0]?.configEntries[0]?.configValue).toBe(`${2 * dayMs}`);
      await mesh.runtime.events.publish([event('notes', 'a', 'x'.repeat(1_000))]);
      const codecs = await Promise.all(
        [0, 1, 2].map((partition) => codecOf(server.partitionFolder('notes', partition))),
      );
      expect(codecs.filter((codec) => codec !== undefined)).toEqual([2]);
    });
  });

  describeWithServer(postgres, 'of the database on PostgreSQL', () => {
    it.each([
      [{}, 5n],
      [{ DATABASE_POOL_SIZE: '2' }, 2n],
    ])('decides how many connections a service has: %j', async (settings, connections) => {
      const server = await startPostgres();
      onTestFinished(() => server.stop());
      const url = server.url('mesh-<service>');
      const keeper = createKeeper();
      await startForTest([keeper.definition], { DATABASE_URL: url, ...settings });
      const observer = await openStorage(url.replace('<service>', 'keeper'), { poolSize: 1 });
      onTestFinished(() => observer.close());
      const sleeping = Array.from({ length: 10 }, () => keeper.storage().query('SELECT pg_sleep(0.5)'));
      const seen: unknown[] = [];
      const ended = Promise.all(sleeping).then(() => true);
      while (!(await Promise.race([ended, observer.query(sleepers).then((rows) => void seen.push(rows[0]?.n))])));
      expect(seen.toSorted().at(-1)).toBe(connections);
    });
  });
});

const sleepers =
  "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";

/** The number of a codec in Kafka's protocol, from the first batch of a partition; `undefined` if it is empty. */
async function codecOf(partitionFolder: string): Promise<number | undefined> {
  const segment = await readFile(join(partitionFolder, '00000000000000000000.log'));
  const attributesAt = 21;
  return segment.length === 0 ? undefined : segment.readInt16BE(attributesAt) & 7;
}
