import type { Storage } from '../../../storage/storage.ts';
import { logDamaged, unknownTopic } from '../../errors.ts';
import { defaultPartitions, defaultRetentionMs } from '../../log/envelope.ts';
import type { TopicDefaults } from '../../log/event-log.ts';
import { createRecentEvents } from '../../log/recent-events.ts';
import { type PartitionRow, readPartitions, readTopics, topicChecksum, writePartition } from './meta-rows.ts';
import type { LogTopic, Partition } from './partition.ts';
import { recordId } from './schema.ts';

/** The topics of a log file. */
export interface Topics {
  /** Throws NOT_FOUND `UNKNOWN_TOPIC` if there is no topic with this name. */
  get(name: string): LogTopic;
  /** In the order of their names. */
  all(): LogTopic[];
  ensure(name: string, options: TopicDefaults): Promise<void>;
}

/**
 * Reads the topics of the log in `file`, with beginning and end of each partition. Throws DATA_LOSS `STORAGE_CORRUPT`
 * if they are damaged.
 */
export async function loadTopics(storage: Storage, file: string): Promise<Topics> {
  const topics = new Map<string, LogTopic>();

  async function load(name: string): Promise<void> {
    const row = (await readTopics(storage, file)).find((topic) => topic.name === name);
    const partitions = await loadPartitions(storage, file, name);
    // Another call may have loaded it meanwhile, and its heads may have moved since.
    if (row && !topics.has(name)) topics.set(name, { name, retentionMs: Number(row.retentionMs), partitions });
  }

  for (const row of await readTopics(storage, file)) await load(row.name);

  return {
    get(name) {
      const topic = topics.get(name);
      if (topic) return topic;
      throw unknownTopic({ topic: name, known: [...topics.keys()].toSorted() });
    },
    all: () => [...topics.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    async ensure(name, options) {
      const topic = topics.get(name);
      if (topic && (options.retentionMs ?? topic.retentionMs) === topic.retentionMs) return;
      await saveTopic(storage, name, options);
      if (!topic) await load(name);
      else if (options.retentionMs !== undefined) topic.retentionMs = options.retentionMs;
    },
  };
}

async function saveTopic(
  storage: Storage,
  name: string,
  { partitions = defaultPartitions, retentionMs }: TopicDefaults,
): Promise<void> {
  await storage.transaction(async (tx) => {
    const keptMs = BigInt(retentionMs ?? defaultRetentionMs);
    const checksum = topicChecksum({ name, retentionMs: keptMs });
    const created = await tx.execute(
      'INSERT INTO log_topic (name, retention_ms, checksum) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING',
      [name, keptMs, checksum],
    );
    if (created === 0) {
      if (retentionMs === undefined) return;
      await tx.execute('UPDATE log_topic SET retention_ms = $2, checksum = $3 WHERE name = $1', [
        name,
        keptMs,
        checksum,
      ]);
      return;
    }
    for (let number = 0n; number < partitions; number++) {
      const [row] = await tx.query<{ id: bigint }>(
        'INSERT INTO log_partition (topic, number, start_offset) VALUES ($1, $2, 0) RETURNING id',
        [name, number],
      );
      const head = { offset: 0n, reachedMs: 0n, bytes: 0n };
      if (row) await writePartition(tx, { id: row.id, topic: name, number, start: 0n, head });
    }
  });
}

async function loadPartitions(storage: Storage, file: string, topic: string): Promise<Partition[]> {
  const rows = await readPartitions(storage, file, { topic });
  rows.forEach((row, index) => {
    if (Number(row.number) !== index) throw logDamaged({ file, problem: `partition ${index} of ${topic} is missing` });
  });
  return await Promise.all(
    rows.map(async ({ id, number, start, head }) => {
      await checkEnd(storage, file, { id, topic, number, start, head });
      return {
        id,
        file,
        topic,
        number: Number(number),
        start,
        head,
        damage: undefined,
        recent: createRecentEvents(),
        listeners: new Set<() => void>(),
        readers: new Set<() => void>(),
      };
    }),
  );
}

/** A record after the end would be in the way of the next one. */
async function checkEnd(storage: Storage, file: string, { id, topic, number, head }: PartitionRow): Promise<void> {
  const beyond = await storage.query('SELECT id FROM record WHERE id >= $1 AND id < $2 LIMIT 1', [
    recordId(id, head.offset),
    recordId(id + 1n, 0n),
  ]);
  if (beyond.length > 0)
    throw logDamaged({ file, problem: `partition ${number} of ${topic} has a record after its end` });
}
