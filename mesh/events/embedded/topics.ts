import { Status } from 'nice-grpc-common';
import { MeshError } from '../../errors/mesh-error.ts';
import type { Storage } from '../../storage/storage.ts';
import { defaultPartitions, defaultRetentionMs } from '../envelope.ts';
import type { Head, Partition, Topic } from './partition.ts';
import { offsetOf, recordId } from './schema.ts';

/** The topics of a log file. */
export interface Topics {
  /** NOT_FOUND `UNKNOWN_TOPIC` when there is none of that name. */
  get(name: string): Topic;
  all(): Topic[];
  ensure(name: string, options: { readonly partitions?: number; readonly retentionMs?: number }): Promise<void>;
}

type TopicRow = { name: string; retention_ms: bigint };
type PartitionRow = { id: bigint; number: bigint; start_offset: bigint };
type LastRow = { id: bigint; reached_ms: bigint; end_bytes: bigint };

/** Reads the topics of a log file, with the head of each partition. */
export async function loadTopics(storage: Storage): Promise<Topics> {
  const topics = new Map<string, Topic>();

  async function load(name: string): Promise<void> {
    const [row] = await storage.query<TopicRow>('SELECT name, retention_ms FROM topic WHERE name = $1', [name]);
    const partitions = await loadPartitions(storage, name);
    // Another call may have loaded it meanwhile, and its heads may have moved since.
    if (row && !topics.has(name)) topics.set(name, { name, retentionMs: Number(row.retention_ms), partitions });
  }

  for (const row of await storage.query<TopicRow>('SELECT name, retention_ms FROM topic')) await load(row.name);

  return {
    get(name) {
      const topic = topics.get(name);
      if (topic) return topic;
      const known = [...topics.keys()].toSorted().join(', ') || 'none yet';
      const text = `there is no topic ${name}: use one that there is (${known})`;
      throw new MeshError(Status.NOT_FOUND, 'UNKNOWN_TOPIC', text, { metadata: { topic: name } });
    },
    all: () => [...topics.values()],
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
  { partitions = defaultPartitions, retentionMs }: { readonly partitions?: number; readonly retentionMs?: number },
): Promise<void> {
  await storage.transaction(async (tx) => {
    const created = await tx.execute(
      'INSERT INTO topic (name, retention_ms) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING',
      [name, retentionMs ?? defaultRetentionMs],
    );
    if (created === 0) {
      if (retentionMs === undefined) return;
      await tx.execute('UPDATE topic SET retention_ms = $2 WHERE name = $1', [name, retentionMs]);
      return;
    }
    for (let number = 0; number < partitions; number++) {
      await tx.execute('INSERT INTO topic_partition (topic, number, start_offset) VALUES ($1, $2, 0)', [name, number]);
    }
  });
}

async function loadPartitions(storage: Storage, topic: string): Promise<Partition[]> {
  const partitions: Partition[] = [];
  const sql = 'SELECT id, number, start_offset FROM topic_partition WHERE topic = $1 ORDER BY number';
  for (const row of await storage.query<PartitionRow>(sql, [topic])) {
    partitions.push({
      id: row.id,
      topic,
      number: Number(row.number),
      start: row.start_offset,
      head: await loadHead(storage, row),
      listeners: new Set(),
    });
  }
  return partitions;
}

async function loadHead(storage: Storage, partition: PartitionRow): Promise<Head> {
  const [last] = await storage.query<LastRow>(
    `SELECT id, reached_ms, start_bytes + length(value) AS end_bytes FROM record
     WHERE id >= $1 AND id < $2 ORDER BY id DESC LIMIT 1`,
    [recordId(partition.id, 0n), recordId(partition.id + 1n, 0n)],
  );
  // Retention may have removed every record; the offsets go on all the same.
  if (!last) return { offset: partition.start_offset, reachedMs: 0n, bytes: 0n };
  return { offset: offsetOf(last.id) + 1n, reachedMs: last.reached_ms, bytes: last.end_bytes };
}
