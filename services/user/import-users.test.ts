import { join } from 'node:path';
import type { Client } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import type { User, UserServiceDefinition } from '#gen/user/v1/user.ts';
import { createOutbox, loadMigrations, openStorage } from '#mesh';
import { eventually, startMesh, type TestMesh } from '#mesh/testing';
import { userTopic } from './events.ts';
import { type ImportRow, importUsers } from './import-users.ts';
import { userService } from './service.ts';
import { findUsersAfter } from './store.ts';

let mesh: TestMesh;
let users: Client<UserServiceDefinition>;

beforeAll(async () => {
  mesh = await startMesh([userService]);
  users = mesh.runtime.client(UserServiceContract);
});
afterAll(() => mesh.stop());

function row(id: string, values: Partial<User> = {}): { user: Partial<User> } {
  return { user: { id, name: id, email: `${id}@example.com`, ...values } };
}

async function* stream<Row>(rows: Iterable<Row>): AsyncGenerator<Row> {
  yield* rows;
}

function numberedRows(prefix: string, count: number): { user: Partial<User> }[] {
  return Array.from({ length: count }, (_, index) => row(`${prefix}-${index}`));
}

describe('ImportUsers', () => {
  it('imports the valid rows and reports each invalid one by its position', async () => {
    await users.createUser({ user: { id: 'there', name: 'There', email: 'there@example.com' } });
    const outcome = await users.importUsers(
      stream([
        row('good-0'),
        row('bad id'),
        {},
        row('good-3', { name: '' }),
        row('there', { email: 'elsewhere@example.com' }),
        row('new', { email: 'THERE@example.com' }),
        row('good-0', { email: 'again@example.com' }),
        row('good-7', { email: 'Good-0@example.com' }),
        row('good-8', { email: 'again@example.com' }),
      ]),
    );
    expect(outcome.imported).toBe(2n);
    expect(outcome.failures.map(({ index, reason }) => `${index} ${reason}`)).toEqual([
      '1 INVALID_FIELD',
      '2 INVALID_FIELD',
      '3 INVALID_FIELD',
      '4 USER_ID_TAKEN',
      '5 USER_EMAIL_TAKEN',
      '6 USER_ID_TAKEN',
      '7 USER_EMAIL_TAKEN',
    ]);
    expect(outcome.failures[2]?.message).toBe('user.name: must not be empty');
  });

  it('publishes the creation of each imported user', async () => {
    await users.importUsers(stream([...numberedRows('published', 300), row('published-0'), row('published-last')]));
    const ending = new AbortController();
    const published = new Set<string>();
    for await (const event of mesh.runtime.events.read('user.events', { at: 'beginning' }, ending.signal)) {
      if (event.key.startsWith('published-')) published.add(event.key);
      if (published.size === 301) ending.abort();
    }
    expect(published.size).toBe(301);
  });

  it('lists the first 1,000 failures, and counts all', async () => {
    const bad = Array.from({ length: 1300 }, (_, index) => row(`worse-${index}`, { email: 'no address' }));
    const outcome = await users.importUsers(stream([...bad, row('fine')]));
    expect(outcome.imported).toBe(1n);
    expect(outcome.failures.map(({ index }) => index)).toEqual(
      Array.from({ length: 1000 }, (_, index) => BigInt(index)),
    );
  });

  it('keeps what it has stored when the caller gives up', async () => {
    const breaking = users.importUsers(breakAfterTwoBatches(numberedRows('kept', 620)));
    await expect(breaking).rejects.toThrow();
    const { users: kept } = await users.batchGetUsers({
      ids: numberedRows('kept', 500).map(({ user }) => user.id ?? ''),
    });
    expect(kept).toHaveLength(500);
  });
});

async function* breakAfterTwoBatches<Row>(rows: Iterable<Row>): AsyncGenerator<Row> {
  yield* rows;
  await eventually(async () => expect(await users.getUser({ id: 'kept-499' })).toBeTruthy());
  throw new Error('the file ends in the middle of a row');
}

describe('importUsers', () => {
  it('reads further rows only after storing the previous ones', async () => {
    const { storage, deps } = await openUsers('paced');
    const storedWhenAsked: number[] = [];
    async function* rows() {
      for (const row of importRows(1_100)) {
        if (row.draft.id.endsWith('00')) storedWhenAsked.push((await findUsersAfter(storage, '', '', 2_000)).length);
        yield row;
      }
    }
    await importUsers(rows(), deps);
    expect(storedWhenAsked).toEqual([0, 0, 0, 0, 0, 500, 500, 500, 500, 500, 1_000]);
  });

  it('keeps all rows that came before the stream broke', async () => {
    const { storage, deps } = await openUsers('broken');
    async function* rows() {
      yield* importRows(620);
      throw new Error('broken off');
    }
    await expect(importUsers(rows(), deps)).rejects.toThrow('broken off');
    expect(await findUsersAfter(storage, '', '', 2_000)).toHaveLength(620);
  });
});

/** The database of another user service, with nobody else at it. */
async function openUsers(name: string) {
  const { events, tasks, clock, logger } = mesh.runtime;
  const storage = await openStorage(`sqlite:${join(mesh.dataDir, name)}.db`);
  onTestFinished(() => storage.close());
  await storage.migrate('user', await loadMigrations(new URL('./migrations/', import.meta.url)));
  const outbox = await createOutbox({ storage, events, tasks, source: '//test', topics: [userTopic], clock, logger });
  return { storage, deps: { storage, outbox, clock } };
}

function importRows(count: number): ImportRow[] {
  return Array.from({ length: count }, (_, index) => {
    const id = `r${String(index).padStart(4, '0')}`;
    return { draft: { id, name: id, email: `${id}@example.com`, role: '' }, violations: [] };
  });
}
