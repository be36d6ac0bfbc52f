import { expect, it, onTestFinished } from 'vitest';
import { openStorage } from '../storage/open.ts';
import { type ChangeStatement, changeStatements } from '../testing/change-statements.ts';
import { describeOnEachDatabase } from '../testing/databases.ts';
import { createTestClock } from '../testing/test-clock.ts';
import { createIdempotency } from './create-idempotency.ts';
import type { Codec, IdempotentMethod } from './idempotency.ts';

const text: Codec<string> = {
  encode: (value) => ({ finish: () => Buffer.from(value) }),
  decode: (bytes) => Buffer.from(bytes).toString(),
};
const request: Codec<{ readonly requestId: string }> = {
  encode: ({ requestId }) => text.encode(requestId),
  decode: (bytes) => ({ requestId: text.decode(bytes) }),
};
const note: IdempotentMethod<{ readonly requestId: string }, string> = {
  path: '/test.v1.Test/Note',
  requestType: request,
  responseType: text,
};

describeOnEachDatabase((newUrl) => {
  async function open(change: ChangeStatement) {
    const clock = createTestClock();
    const storage = await openStorage(newUrl(), { clock });
    onTestFinished(() => storage.close());
    await storage.migrate('test', [{ name: '0001-init', sql: 'CREATE TABLE note (id TEXT PRIMARY KEY)' }]);
    const idempotency = await createIdempotency(changeStatements(storage, change), { clock });
    const write = (requestId: string, commitGroup?: string) =>
      idempotency.onceFor(note, { requestId })(
        async (tx) => {
          await tx.execute('INSERT INTO note (id) VALUES ($1)', [requestId]);
          return `noted ${requestId}`;
        },
        commitGroup === undefined ? {} : { commitGroup },
      );
    const rows = async (table: string) => (await storage.query(`SELECT 1 AS one FROM ${table}`)).length;
    return { write, rows };
  }

  it.each([undefined, 'notes'])(
    'a call has no effect if its response cannot be stored, in the commit group %s',
    async (group) => {
      const { write, rows } = await open((sql) =>
        sql.startsWith('UPDATE handled_request')
          ? 'UPDATE no_such_table SET response = $3 WHERE id = $1 OR id = $2'
          : sql,
      );
      await expect(write('a', group)).rejects.toThrow('no_such_table');
      expect([await rows('note'), await rows('handled_request')]).toEqual([0, 0]);
    },
  );

  it.each([undefined, 'notes'])('a repeated call gets the response, in the commit group %s', async (group) => {
    const { write, rows } = await open((sql) => sql);
    expect(await Promise.all([write('a', group), write('b', group)])).toEqual(['noted a', 'noted b']);
    expect(await write('a', group)).toBe('noted a');
    expect([await rows('note'), await rows('handled_request')]).toEqual([2, 2]);
  });
});
