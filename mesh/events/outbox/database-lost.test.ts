import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import { type PostgresServer, postgres, startPostgres } from '../../testing/servers/postgres-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { systemClock } from '../../time/clock.ts';
import { type EventParts, openEventParts, silent, versionEvent } from '../testing/events.ts';
import { expectOutboxEmpty } from '../testing/outboxes.ts';
import { createOutbox } from './create-outbox.ts';
import type { Outbox } from './outbox.ts';

const keys = ['a', 'b', 'c'];
const versions = 60;

describeWithServer(postgres, 'an outbox whose database is killed while its relay runs', () => {
  let server: PostgresServer;
  let parts: EventParts;
  let outbox: Outbox;

  beforeEach(async () => {
    server = await startPostgres();
    parts = await openEventParts(server.url('events'));
    const { storage, events, tasks } = parts;
    const source = '//ordermesh/test';
    outbox = await createOutbox({
      storage,
      events,
      tasks,
      source,
      topics: [{ name: 't' }],
      clock: systemClock,
      logger: silent,
    });
    await outbox.start();
  });
  afterEach(async () => {
    await outbox.stop(0);
    await parts.close();
    await server.stop();
  });

  it('publishes every committed event, those of a key in order, and no other', {
    timeout: 60_000,
  }, async () => {
    const committed = new Map(keys.map((key): [string, number[]] => [key, []]));
    const writing = Promise.all(keys.map((key) => writeAll(key, committed.get(key) ?? [])));
    for (const share of [0.2, 0.6]) {
      await eventually(async () => expect(await total(committed)).toBeGreaterThan(share * versions * keys.length), {
        timeoutMs: 20_000,
      });
      await server.killImmediate();
      await server.restart();
    }
    await writing;
    await eventually(() => expectOutboxEmpty(outbox), { timeoutMs: 20_000 });
    const logged = await versionsInLog();
    for (const key of keys) expect(withoutRepeats(logged.get(key) ?? [])).toEqual(committed.get(key));
  });

  /** Commits one version after another, each with a row next to its event, so an unknown outcome can be looked up. */
  async function writeAll(key: string, committed: number[]): Promise<void> {
    const { storage } = parts;
    await untilDone(() =>
      storage.execute('CREATE TABLE IF NOT EXISTS written (key TEXT, version BIGINT, PRIMARY KEY (key, version))'),
    );
    for (let version = 1; version <= versions; version++) {
      await untilDone(async () => {
        const [row] = await storage.query('SELECT 1 FROM written WHERE key = $1 AND version = $2', [key, version]);
        if (row) return;
        await storage.transaction(async (tx) => {
          await tx.execute('INSERT INTO written (key, version) VALUES ($1, $2)', [key, version]);
          await outbox.addEvent(tx, versionEvent('t', key, version));
        });
      });
      committed.push(version);
    }
  }

  async function versionsInLog(): Promise<Map<string, number[]>> {
    const found = new Map<string, number[]>();
    const reading = new AbortController();
    const end = [...(await parts.events.endOffsets('t')).values()].reduce((sum, offset) => sum + Number(offset), 0);
    let read = 0;
    for await (const event of parts.events.read('t', { at: 'beginning' }, reading.signal)) {
      found.set(event.key, [...(found.get(event.key) ?? []), Number(event.headers.ce_sequence)]);
      read += 1;
      if (read === end) reading.abort();
    }
    return found;
  }
});

/** Retries while the database is unavailable. */
async function untilDone(work: () => Promise<unknown>): Promise<void> {
  await eventually(async () => expect(await work().then(() => 'done', String)).toBe('done'), {
    timeoutMs: 20_000,
    intervalMs: 20,
  });
}

function total(committed: ReadonlyMap<string, readonly number[]>): number {
  return [...committed.values()].reduce((sum, versionsOfKey) => sum + versionsOfKey.length, 0);
}

/** A batch that was published but not deleted is repeated as a whole: a version no higher than an earlier one is a repeat. */
function withoutRepeats(logged: readonly number[]): number[] {
  let last = 0;
  return logged.filter((version) => {
    if (version <= last) return false;
    last = version;
    return true;
  });
}
