import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createDeadLetterStore } from '../../mesh/dead-letters/store.ts';
import { inboxMigrations, purgeInbox } from '../../mesh/events/consumer/inbox.ts';
import { idempotencyMigrations, purgeBefore } from '../../mesh/idempotency/handled-requests.ts';
import { migrateSagas } from '../../mesh/saga/store/migrations.ts';
import { purgeSagas } from '../../mesh/saga/store/purge.ts';
import { openStorage } from '../../mesh/storage/open.ts';
import type { Storage } from '../../mesh/storage/storage.ts';
import { captureLog } from '../../mesh/testing/captured-log.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { type PostgresServer, postgres, startPostgres } from '../../mesh/testing/servers/postgres-server.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { systemClock as clock } from '../../mesh/time/clock.ts';

const aging = { nowMs: () => 2_000_000 };
const retentionMs = 1_000_000;
const { logger, lines } = captureLog();

interface Purged {
  readonly table: string;
  readonly migrate: (storage: Storage) => Promise<unknown>;
  /** Inserts rows that are due, in an order that differs from that of their ages. */
  readonly insert: string;
  /** Purges once, or until the signal aborts. */
  readonly purge: (storage: Storage, signal: AbortSignal) => Promise<unknown>;
}

const rows = 3_000;
const series = `FROM generate_series(1, ${rows}) AS i ORDER BY random()`;
const common = { retentionMs, aging, clock, logger };

const purged: readonly Purged[] = [
  {
    table: 'saga',
    migrate: migrateSagas,
    insert: `INSERT INTO saga (id, name, definition_version, subject_id, state, record, data, notes, request_id, traceparent,
      version, turn, epoch, create_time, update_time, finished_aged_ms)
      SELECT 's' || i, 'x', 1, 'x', 'completed', '{}', '{}', '[]', '', '', 1, 1, 1, 0, 0, i ${series}`,
    purge: (storage, signal) => purgeSagas({ storage, ...common, signal }),
  },
  {
    table: 'inbox',
    migrate: (storage) => storage.migrate('inbox', inboxMigrations),
    insert: `INSERT INTO inbox (consumer_group, event_id, dead, time_ms) SELECT 'g' || i % 7, 'e' || i, 0, i ${series}`,
    purge: (storage, signal) => purgeInbox(storage, { ...common, group: 'g0', lag: async () => [] }, signal),
  },
  {
    table: 'dead_letter',
    migrate: (storage) => createDeadLetterStore(storage, { clock, retentionMs }),
    insert: `INSERT INTO dead_letter (id, source, origin, reason, error, attempts, payload, headers, subject_id, first_time_ms,
      last_time_ms, state, note, closed_time_ms, closed_aged_ms)
      SELECT 'd' || i, 'event', 'x', 'X', '', 1, ''::bytea, '{}', '', 0, 0, 'discarded', '', i, i ${series}`,
    purge: async (storage, signal) =>
      (await createDeadLetterStore(storage, { clock, retentionMs: clock.now() - retentionMs })).purge(logger, signal),
  },
  {
    table: 'handled_request',
    migrate: (storage) => storage.migrate('idempotency', idempotencyMigrations),
    insert: `INSERT INTO handled_request (method, request_id, fingerprint, create_time)
      SELECT 'm', 'r' || i, ''::bytea, i ${series}`,
    purge: async (storage, signal) => {
      while (!signal.aborted && (await storage.transaction((tx) => purgeBefore(tx, retentionMs, 100))) > 0);
    },
  },
];

describeWithServer(postgres, 'processes that share a database of PostgreSQL', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server.stop());

  describe.each(purged)('and purge the table $table', ({ table, migrate, insert, purge }) => {
    async function start() {
      const url = server.url(randomUUID());
      const open = async () => {
        const storage = await openStorage(url);
        onTestFinished(() => storage.close());
        return storage;
      };
      const [first, second] = [await open(), await open()];
      await migrate(first);
      await first.execute(insert);
      const operator = new pg.Client(url);
      await operator.connect();
      onTestFinished(() => operator.end());
      const ended = new AbortController();
      const begin = (storage: Storage) => {
        const purging = purge(storage, ended.signal);
        onTestFinished(async () => {
          ended.abort();
          await purging;
        });
      };
      const left = async () => Number((await operator.query(`SELECT count(*) FROM ${table}`)).rows[0]?.count);
      return { first, second, operator, begin, left };
    }

    it('delete everything together without a deadlock', async () => {
      const { first, second, operator, begin, left } = await start();
      for (const storage of [first, second, first, second]) begin(storage);
      await eventually(async () => expect(await left()).toBe(0));
      const sql = 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()';
      expect((await operator.query(sql)).rows).toEqual([{ deadlocks: '0' }]);
      expect(lines).toEqual([]);
    });

    it('do not wait for rows that another one has locked', async () => {
      const { first, operator, begin, left } = await start();
      await operator.query(`BEGIN; SELECT FROM ${table} LIMIT 5 FOR UPDATE`);
      begin(first);
      await eventually(async () => expect(await left()).toBe(5));
      await operator.query('COMMIT');
      expect(lines).toEqual([]);
    });
  });
});
