import type { SqlValue } from '../../../mesh/storage/storage.ts';
import { accountEventTypes } from '../../../services/payment/streams/account-stream.ts';
import { runConcurrently } from '../concurrency.ts';
import { compareByClock } from '../rates.ts';
import { openBare } from './bare-database.ts';
import { openLedger } from './ledger.ts';

// Each has its own stream.
const writers = 64;
const eventsPerWriter = 40;
const events = writers * eventsPerWriter;
const rounds = 3;

const amount = { currencyCode: 'EUR', minorUnits: 100n };
const event = {
  ...accountEventTypes.encode({
    type: 'MONEY_DEPOSITED',
    ...{ amount, previousBalance: amount, newBalance: amount, reference: 'a deposit', counterpart: '@world.EUR' },
  }),
  correlationId: '7b0f5a52-0d4c-4b53-8f4e-6a2f8f6f3a10',
  timeMs: Date.now(),
};

/** The statement of `mesh/event-store/streams/event-table.ts`: inserts an event unless its stream is at another version. */
const insert = (begun: string) => `
  INSERT INTO event (stream, version, type, schema_version, data, correlation_id, time_ms, checksum)
  SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT), CAST($3 AS TEXT), CAST($4 AS BIGINT), CAST($5 AS TEXT), CAST($6 AS TEXT),
    CAST($7 AS BIGINT), CAST($8 AS BIGINT)
  WHERE ${begun}COALESCE((SELECT MAX(version) FROM event WHERE stream = $1), 0) = $9
  ON CONFLICT DO NOTHING RETURNING position`;

/**
 * Compares durable appends of single events, by writers that wait for each append, with the same statements without our
 * layers, by the same number of writers on the same table in another database. Returns events per second.
 */
export async function compareAppends(ourUrl: string, bareUrl: string) {
  await using ledger = await openLedger(ourUrl);
  // Creates the tables.
  await (await openLedger(bareUrl))[Symbol.asyncDispose]();
  const bare = openBare(bareUrl);
  const sql = insert(ledger.storage.dialect === 'postgres' ? 'pg_current_xact_id() IS NOT NULL AND ' : '');
  const written = { ours: 0, bare: 0 };
  try {
    return await compareByClock(
      events,
      rounds,
      async () => {
        const before = BigInt(written.ours);
        await runConcurrently(writers, writers, async (writer) => {
          for (let version = 0n; version < eventsPerWriter; version += 1n) {
            await ledger.store.append(`account-${writer}`, before + version, event);
          }
        });
        written.ours += eventsPerWriter;
      },
      async () => {
        await bare.writeEach(sql, insertsAfter(written.bare), writers);
        written.bare += eventsPerWriter;
      },
    );
  } finally {
    await bare.close();
  }
}

/** Returns the parameters of one round, alternating between streams. */
function insertsAfter(versionsBefore: number): SqlValue[][] {
  const { type, schemaVersion, correlationId, timeMs } = event;
  const text = JSON.stringify(event.data);
  return Array.from({ length: events }, (_, index) => {
    const version = BigInt(versionsBefore + Math.floor(index / writers) + 1);
    const stream = `account-${index % writers}`;
    const fields = [type, BigInt(schemaVersion), text, correlationId, BigInt(timeMs)];
    return [stream, version, ...fields, 0n, version - 1n];
  });
}
