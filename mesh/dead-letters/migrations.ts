import type { Migration } from '../storage/storage.ts';

/** The schema of dead letters, in the database of their service. */
export const deadLetterMigrations: readonly Migration[] = [
  {
    name: '0001-init',
    sql: `
      CREATE TABLE dead_letter (
        id TEXT NOT NULL PRIMARY KEY,
        source TEXT NOT NULL,
        origin TEXT NOT NULL,
        reason TEXT NOT NULL,
        error TEXT NOT NULL,
        attempts BIGINT NOT NULL,
        payload BYTEA NOT NULL,
        headers TEXT NOT NULL,
        subject_id TEXT NOT NULL,
        first_time_ms BIGINT NOT NULL,
        last_time_ms BIGINT NOT NULL,
        state TEXT NOT NULL,
        note TEXT NOT NULL,
        closed_time_ms BIGINT
      );
      CREATE INDEX dead_letter_open ON dead_letter (source, id) WHERE state = 'open';
      CREATE INDEX dead_letter_closed ON dead_letter (closed_time_ms) WHERE closed_time_ms IS NOT NULL;
    `,
  },
  {
    // The first column is for people. The second decides on deletion and is not a time of day.
    name: '0002-closed-aged',
    sql: `
      ALTER TABLE dead_letter ADD COLUMN closed_aged_ms BIGINT;
      UPDATE dead_letter SET closed_aged_ms = closed_time_ms WHERE closed_time_ms IS NOT NULL;
      DROP INDEX dead_letter_closed;
      CREATE INDEX dead_letter_closed ON dead_letter (closed_aged_ms) WHERE closed_aged_ms IS NOT NULL;
    `,
  },
  {
    name: '0003-filters',
    sql: `
      CREATE INDEX dead_letter_origin ON dead_letter (source, origin, id) WHERE state = 'open';
      CREATE INDEX dead_letter_reason ON dead_letter (source, reason, id) WHERE state = 'open';
      CREATE INDEX dead_letter_origin_and_reason ON dead_letter (source, origin, reason, id) WHERE state = 'open';
    `,
  },
  {
    name: '0004-closed-by',
    sql: 'ALTER TABLE dead_letter ADD COLUMN closed_request_id TEXT',
  },
];
