import type { Migration } from '../../storage/storage.ts';

/**
 * A record's id is its partition's id times 2^40 plus its offset: the records of a partition lie next to each other, and
 * a stretch of them is one range scan. `reached_ms` and `start_bytes` never fall within a partition, so that a time is
 * found by halving and a read is bounded by bytes without looking at values.
 */
export const migrations: readonly Migration[] = [
  {
    name: '0001-init',
    sql: `
      CREATE TABLE topic (name TEXT PRIMARY KEY, retention_ms BIGINT NOT NULL);
      CREATE TABLE topic_partition (
        id {{identity}},
        topic TEXT NOT NULL REFERENCES topic (name),
        number BIGINT NOT NULL,
        start_offset BIGINT NOT NULL,
        UNIQUE (topic, number)
      );
      CREATE TABLE record (
        id INTEGER PRIMARY KEY,
        time_ms BIGINT NOT NULL,
        reached_ms BIGINT NOT NULL,
        start_bytes BIGINT NOT NULL,
        key TEXT NOT NULL,
        headers TEXT NOT NULL,
        value BYTEA NOT NULL
      );
      CREATE TABLE committed_offset (
        consumer_group TEXT NOT NULL,
        partition_id BIGINT NOT NULL REFERENCES topic_partition (id),
        next_offset BIGINT NOT NULL,
        PRIMARY KEY (consumer_group, partition_id)
      );`,
  },
];

const offsetBits = 40n;

/** The id of the record at `offset` of a partition. */
export function recordId(partitionId: bigint, offset: bigint): bigint {
  return (partitionId << offsetBits) + offset;
}

/** The offset that a record's id holds. */
export function offsetOf(id: bigint): bigint {
  return BigInt.asUintN(Number(offsetBits), id);
}
