import type { Migration, Storage } from '../../storage/storage.ts';

const sagaMigrations: readonly Migration[] = [
  {
    name: '0001-init',
    sql: `
CREATE TABLE saga (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  definition_version BIGINT NOT NULL,
  subject_id TEXT NOT NULL,
  state TEXT NOT NULL,
  record TEXT NOT NULL, -- JSON of SagaRecord
  data TEXT NOT NULL, -- JSON of what the steps pass on
  notes TEXT NOT NULL, -- JSON list of what operators wrote
  request_id TEXT NOT NULL, -- of the call that began it
  traceparent TEXT NOT NULL,
  version BIGINT NOT NULL, -- grows with every change of the record
  turn BIGINT NOT NULL, -- grows with every change that the driver makes
  epoch BIGINT NOT NULL, -- grows with every change of the driver: the fencing token
  lease_owner TEXT, -- who drives it
  due_time BIGINT, -- leased: when the lease ends; waiting: when to go on; null: nothing is to be done
  create_time BIGINT NOT NULL,
  update_time BIGINT NOT NULL
);
CREATE INDEX saga_due ON saga (due_time) WHERE due_time IS NOT NULL;
CREATE INDEX saga_state ON saga (state, id);
CREATE INDEX saga_subject ON saga (subject_id, create_time);
`,
  },
  {
    name: '0002-claim-the-oldest-first',
    // With the due time in it, those that wait for later are passed over without a look at their rows.
    sql: 'CREATE INDEX saga_line ON saga (create_time, due_time) WHERE due_time IS NOT NULL',
  },
  {
    name: '0003-finished',
    // How far the database had aged when the saga finished: not a time of day. The second index has those that an earlier
    // version finished.
    sql: `
ALTER TABLE saga ADD COLUMN finished_aged_ms BIGINT;
CREATE INDEX saga_finished ON saga (finished_aged_ms) WHERE finished_aged_ms IS NOT NULL;
CREATE INDEX saga_finished_before ON saga (id) WHERE finished_aged_ms IS NULL AND state IN ('completed', 'compensated');
`,
  },
  {
    name: '0004-on-behalf-of',
    // The user who began it; null if it was no user, or nobody asked who it was.
    sql: 'ALTER TABLE saga ADD COLUMN caller_subject TEXT',
  },
  {
    name: '0005-indexes-of-the-few',
    // Nearly all sagas are completed and have the id of their subject: neither needs an entry of its own.
    sql: `
CREATE INDEX saga_not_completed ON saga (state, id) WHERE state <> 'completed';
CREATE INDEX saga_of_subject ON saga (subject_id, create_time) WHERE subject_id <> id;
`,
  },
  {
    name: '0006-without-indexes-of-all',
    // On PostgreSQL the version before may run at the same time, and needs them.
    only: 'sqlite',
    sql: `
DROP INDEX saga_state;
DROP INDEX saga_subject;
`,
  },
];

/** Creates the table of sagas. */
export function migrateSagas(storage: Storage): Promise<void> {
  return storage.migrate('saga', sagaMigrations);
}
