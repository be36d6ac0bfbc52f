import type { Migration } from '../../../storage/storage.ts';

/**
 * A record's id is its partition's id times 2^40 plus its offset, so the records of a partition are adjacent and a
 * range of them is one scan. `reached_ms` and `start_bytes` never decrease within a partition, so a time is found by
 * bisection and a read is bounded by bytes without reading values. Each row has a checksum, and each partition records
 * its end, so a missing record is noticed.
 *
 * What is large is not in the record but in `record_payload`, where it is always appended at the end of the table. A record between
 * those of other partitions costs a page of its own, and splits it and its neighbours when it is full.
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
  {
    name: '0002-checksums',
    sql: `
      ALTER TABLE topic ADD COLUMN checksum BIGINT;
      ALTER TABLE topic_partition ADD COLUMN end_offset BIGINT NOT NULL DEFAULT 0;
      ALTER TABLE topic_partition ADD COLUMN end_reached_ms BIGINT NOT NULL DEFAULT 0;
      ALTER TABLE topic_partition ADD COLUMN end_bytes BIGINT NOT NULL DEFAULT 0;
      ALTER TABLE topic_partition ADD COLUMN checksum BIGINT;
      ALTER TABLE committed_offset ADD COLUMN checksum BIGINT;
      ALTER TABLE record ADD COLUMN skipped BIGINT NOT NULL DEFAULT 0;
      ALTER TABLE record ADD COLUMN checksum BIGINT;`,
  },
  {
    // A program from before checksums would write rows without them. It finds no topics under the old name and does not
    // start.
    name: '0004-topic-renamed',
    sql: 'ALTER TABLE topic RENAME TO log_topic;',
  },
  {
    // Headers and values in the order in which they were appended, in any partition. An earlier version stored them in the
    // record, which then has no `payload`. Its programs would call records with one damaged, and skip them without their content.
    // They find no partitions under the old name and do not start.
    name: '0005-payloads',
    sql: `
      CREATE TABLE record_payload (seq INTEGER PRIMARY KEY, headers TEXT NOT NULL, value BYTEA NOT NULL);
      ALTER TABLE record ADD COLUMN payload BIGINT;
      ALTER TABLE topic_partition RENAME TO log_partition;`,
  },
];

/** Applied last, when every row has its checksum: from then on, a row without one is damaged. */
export const checksummed: Migration = {
  name: '0003-checksummed',
  sql: `
    CREATE TABLE skipped_record (
      seq {{identity}},
      record_id BIGINT NOT NULL,
      time_ms BIGINT,
      reached_ms BIGINT,
      start_bytes BIGINT,
      key TEXT,
      headers TEXT,
      value BYTEA,
      checksum BIGINT,
      note TEXT NOT NULL,
      skip_time_ms BIGINT NOT NULL
    );`,
};

const offsetBits = 40n;

/** Returns the id of the record at `offset` of a partition. */
export function recordId(partitionId: bigint, offset: bigint): bigint {
  return (partitionId << offsetBits) + offset;
}

/** Returns the offset in a record's id. */
export function offsetOf(id: bigint): bigint {
  return BigInt.asUintN(Number(offsetBits), id);
}
