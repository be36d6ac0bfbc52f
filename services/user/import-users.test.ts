import type { Client } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserServiceContract } from '../../gen/ts/user/v1/user.contract.ts';
import type { User, UserServiceDefinition } from '../../gen/ts/user/v1/user.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { createUserService } from './service.ts';

let mesh: TestMesh;
let users: Client<UserServiceDefinition>;

beforeAll(async () => {
  mesh = await startMesh([createUserService]);
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
  it('imports the good rows and reports each bad one by its place', async () => {
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

  it('publishes the creation of each user that it imported', async () => {
    await users.importUsers(stream([...numberedRows('told', 300), row('told-0'), row('told-last')]));
    const ending = new AbortController();
    const told = new Set<string>();
    for await (const event of mesh.runtime.events.read('user.events', { at: 'beginning' }, ending.signal)) {
      if (event.key.startsWith('told-')) told.add(event.key);
      if (told.size === 301) ending.abort();
    }
    expect(told.size).toBe(301);
  });

  it('lists the first 1,000 failures of more, and counts the rest', async () => {
    const bad = Array.from({ length: 1300 }, (_, index) => row(`worse-${index}`, { email: 'no address' }));
    const outcome = await users.importUsers(stream([...bad, row('fine')]));
    expect(outcome.imported).toBe(1n);
    expect(outcome.failures.map(({ index }) => index)).toEqual(
      Array.from({ length: 1000 }, (_, index) => BigInt(index)),
    );
  });

  it('keeps what came before the stream broke', async () => {
    const breaking = users.importUsers(breakAfter(numberedRows('kept', 620)));
    await expect(breaking).rejects.toThrow();
    await expect.poll(() => listed('kept-').then((ids) => ids.length)).toBe(620);
  });

  it('reads no further ahead than the transport buffers while it stores', async () => {
    let sent = 0;
    const rows = (function* () {
      for (const each of numberedRows('paced', 20_000)) {
        sent += 1;
        yield each;
      }
    })();
    const stored = users.importUsers(stream(rows));
    await expect.poll(() => listed('paced-', 1).then((ids) => ids.length), { interval: 5 }).toBe(1);
    expect(sent).toBeLessThan(20_000);
    await expect(stored).resolves.toMatchObject({ imported: 20_000n });
  });
});

async function* breakAfter<Row>(rows: Iterable<Row>): AsyncGenerator<Row> {
  yield* rows;
  await expect.poll(() => listed('kept-').then((ids) => ids.length)).toBeGreaterThanOrEqual(500);
  throw new Error('the file ends in the middle of a row');
}

async function listed(prefix: string, limit = 0): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of users.listUsers({ afterId: prefix, limit })) {
    if (id.startsWith(prefix)) ids.push(id);
  }
  return ids;
}
