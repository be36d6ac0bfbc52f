import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import type { Queryable } from '#mesh';
import { eventually } from '../mesh/testing/eventually.ts';
import { startMesh, type TestMesh } from '../mesh/testing/start-mesh.ts';
import { notificationService } from '../services/notification/service.ts';
import { userService } from '../services/user/service.ts';
import { createKeeper, folderForTest, startForTest } from './support/keeper-service.ts';

const dayMs = 86_400_000;

async function idsIn(db: Queryable, table: string, column = 'id'): Promise<unknown[]> {
  return (await db.query(`SELECT ${column} AS id FROM ${table} ORDER BY 1`)).map(({ id }) => id);
}

/** Adds an open dead letter, and closed ones of two ages. */
function insertDeadLetters(source: 'event' | 'task', origin: string): string {
  const common = `'${source}', '${origin}', 'X', '', 1, CAST('' AS BLOB), '{}', '', 0, 0`;
  const closed = (id: string, ageDays: number) => {
    const timeMs = Date.now() - ageDays * dayMs;
    return `('${id}', ${common}, 'redriven', '', ${timeMs}, ${timeMs})`;
  };
  return `INSERT INTO dead_letter (id, source, origin, reason, error, attempts, payload, headers, subject_id, first_time_ms,
    last_time_ms, state, note, closed_time_ms, closed_aged_ms)
    VALUES ('open', ${common}, 'open', '', NULL, NULL), ${closed('young', 2)}, ${closed('old', 40)}`;
}

describe('a retention setting of a mesh', () => {
  it.each([
    [{}, ['young']],
    [{ SAGAS_RETENTION_MS: `${dayMs}` }, []],
  ])('decides how long finished sagas are kept: %j', async (environment, kept) => {
    const keeper = createKeeper(async (storage) => {
      for (const [id, ageDays] of [
        ['young', 2],
        ['old', 40],
      ] as const)
        await storage.execute(
          `INSERT INTO saga (id, name, definition_version, subject_id, state, record, data, notes, request_id, traceparent,
             version, turn, epoch, create_time, update_time, finished_aged_ms)
           VALUES ($1, 'ship-it', 1, '', 'completed', '{}', '{}', '[]', '', '', 1, 1, 1, 0, 0, $2)`,
          [id, Date.now() - ageDays * dayMs],
        );
    });
    await startForTest([keeper.definition], environment);
    await eventually(async () => expect(await idsIn(keeper.storage(), 'saga')).toEqual(kept));
  });

  it.each([
    [{}, []],
    [{ EVENTS_RETENTION_MS: `${20 * dayMs}` }, ['young']],
  ])('decides how long consumers remember events: %j', async (environment, kept) => {
    const keeper = createKeeper(async (storage) => {
      for (const [id, ageDays] of [
        ['young', 15],
        ['old', 40],
      ] as const)
        await storage.execute(
          "INSERT INTO inbox (consumer_group, event_id, dead, time_ms) VALUES ('readers', $1, 0, $2)",
          [id, Date.now() - ageDays * dayMs],
        );
    });
    await startForTest([keeper.definition], environment);
    await eventually(async () => expect(await idsIn(keeper.storage(), 'inbox', 'event_id')).toEqual(kept));
  });

  it.each([
    [{}, ['open', 'young']],
    [{ DEAD_LETTERS_RETENTION_MS: `${dayMs}` }, ['open']],
  ])('decides how long closed dead letters of consumers and outboxes are kept: %j', async (environment, kept) => {
    const keeper = createKeeper(async (storage) => {
      await storage.execute(insertDeadLetters('event', 'notes/readers'));
    });
    await startForTest([keeper.definition], environment);
    await eventually(async () => expect(await idsIn(keeper.storage(), 'dead_letter')).toEqual(kept));
  });

  it.each(
    ['embedded:<DATA_DIR>/tasks.db', 'amqp://127.0.0.1:1'].flatMap((url) => [
      [url, {}, ['open', 'young']] as const,
      [url, { DEAD_LETTERS_RETENTION_MS: `${dayMs}` }, ['open']] as const,
    ]),
  )('decides how long closed dead letters of tasks are kept: %s with %j', async (url, settings, kept) => {
    const dataDir = await folderForTest();
    const environment = { DATA_DIR: dataDir, TASKS_URL: url.replace('<DATA_DIR>', dataDir), ...settings };
    const inFile = <T>(use: (database: DatabaseSync) => T): T => {
      using database = new DatabaseSync(join(dataDir, 'tasks.db'));
      return use(database);
    };
    const first = await startMesh([], environment);
    // Their database is opened, and made, with the first look at them.
    await first.runtime.tasks.deadLetters.count();
    await first.stop();
    inFile((database) => database.exec(insertDeadLetters('task', 'jobs')));
    const mesh = await startMesh([], environment);
    await mesh.runtime.tasks.deadLetters.discard('open', 'seen');
    await mesh.stop();
    const ids = inFile((database) => database.prepare('SELECT id FROM dead_letter ORDER BY id').all());
    expect(ids.map(({ id }) => id)).toEqual(kept);
  });

  it.each([
    [{}, 'returns the first response'],
    [{ REQUEST_IDS_RETENTION_MS: `${dayMs}` }, 'takes effect again'],
  ])('decides how long a request id is kept: with %j a call of two days ago %s', async (settings, effect) => {
    const environment = { DATA_DIR: await folderForTest(), ...settings };
    const request = { requestId: randomUUID(), user: { name: 'Ada', email: 'ada@example.com' } };
    const create = async (mesh: TestMesh) => {
      try {
        return (await mesh.runtime.client(UserServiceContract).createUser(request)).id;
      } finally {
        await mesh.stop();
      }
    };
    const id = await create(await startMesh([userService], environment));
    {
      using database = new DatabaseSync(join(environment.DATA_DIR, 'user.db'));
      database.exec(`UPDATE handled_request SET create_time = create_time - ${2 * dayMs}`);
    }
    const again = create(await startMesh([userService], environment));
    if (effect === 'takes effect again') await expect(again).rejects.toThrow('ada@example.com');
    else expect(await again).toBe(id);
  });

  it.each([
    [{}, ['.aging', '2026-11-28.mbox', 'young.eml']],
    [{ MAIL_RETENTION_MS: `${dayMs}` }, ['.aging']],
  ])('decides how long mails are kept: %j', async (settings, kept) => {
    const dataDir = await folderForTest();
    mkdirSync(join(dataDir, 'mail'));
    // Without it, they would be mails of an earlier version.
    writeFileSync(join(dataDir, 'mail', '.aging'), '');
    for (const [name, ageDays] of [
      ['young.eml', 2],
      ['2026-11-28.mbox', 2],
      ['old.eml', 40],
      ['2026-10-21-2.mbox', 40],
    ] as const) {
      const seconds = (Date.now() - ageDays * dayMs) / 1_000;
      writeFileSync(join(dataDir, 'mail', name), '');
      utimesSync(join(dataDir, 'mail', name), seconds, seconds);
    }
    await startForTest([userService, notificationService], { DATA_DIR: dataDir, ...settings });
    await eventually(() => expect(readdirSync(join(dataDir, 'mail')).toSorted()).toEqual(kept));
  });
});
