import type { Migration } from '../../storage/storage.ts';

/**
 * The schema of the embedded queue. A task is there until it is done or dead. It may be taken from `due_time_ms` on;
 * while somebody has it, that is when their lease ends.
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
];

/** Applied when every task has its checksum: from then on one without is damaged. */
export const checksummed: Migration = {
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
};
