import type { Migration } from '../../storage/storage.ts';

/**
 * The schema of the embedded queue. A row exists until its task is done or dead. A task may be taken from `due_time_ms`
 * on; while a worker has it, that is the end of the lease. `checksum` covers the content of a task, which never
 * changes. `state_checksum` covers its number, its `checksum` and everything that attempts change.
 */
export const taskMigrations: readonly Migration[] = [
  {
    name: '0001-init',
    sql: `
      CREATE TABLE task (
        seq {{identity}},
        queue TEXT NOT NULL,
        id TEXT NOT NULL,
        payload BYTEA NOT NULL,
        headers TEXT NOT NULL,
        attempts BIGINT NOT NULL,
        due_time_ms BIGINT NOT NULL,
        lease TEXT,
        first_time_ms BIGINT,
        last_error TEXT NOT NULL
      );
      CREATE UNIQUE INDEX task_id ON task (queue, id);
      CREATE INDEX task_due ON task (queue, due_time_ms, seq);
      CREATE INDEX task_leased ON task (seq) WHERE lease IS NOT NULL;
    `,
  },
  { name: '0002-checksums', sql: 'ALTER TABLE task ADD COLUMN checksum BIGINT;' },
  {
    name: '0003-checksummed',
    sql: `
    CREATE TABLE damaged_task (
      seq BIGINT NOT NULL PRIMARY KEY,
      queue TEXT,
      id TEXT,
      payload BYTEA,
      headers TEXT,
      checksum BIGINT,
      note TEXT
    );`,
  },
  {
    // Renamed, because a program from before checksums would write tasks without them. It finds no table under the old name
    // and does not start.
    name: '0004-state-checksums',
    sql: `
      ALTER TABLE task ADD COLUMN state_checksum BIGINT;
      ALTER TABLE task RENAME TO queued_task;`,
  },
];

/** Applied when every task has its checksums: from then on, a task without them is damaged. */
export const checksummed: Migration = {
  name: '0005-checksummed',
  sql: `
    ALTER TABLE damaged_task ADD COLUMN attempts BIGINT;
    ALTER TABLE damaged_task ADD COLUMN due_time_ms BIGINT;
    ALTER TABLE damaged_task ADD COLUMN lease TEXT;
    ALTER TABLE damaged_task ADD COLUMN first_time_ms BIGINT;
    ALTER TABLE damaged_task ADD COLUMN last_error TEXT;
    ALTER TABLE damaged_task ADD COLUMN state_checksum BIGINT;`,
};
