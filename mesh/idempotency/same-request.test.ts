import { hash, randomUUID } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Caller } from '../identity/caller.ts';
import { openStorage } from '../storage/open.ts';
import { runInScope } from '../telemetry/call-scope.ts';
import { changeStatements } from '../testing/change-statements.ts';
import { describeOnEachDatabase } from '../testing/databases.ts';
import { createTestClock } from '../testing/test-clock.ts';
import { createIdempotency } from './create-idempotency.ts';
import type { Codec, IdempotentMethod } from './idempotency.ts';

interface Change {
  readonly requestId: string;
  readonly names: readonly string[];
  readonly updateMask: readonly string[] | undefined;
}

const change: IdempotentMethod<Change, number> = {
  path: '/test.v1.Test/Change',
  requestType: jsonCodec(),
  responseType: jsonCodec(),
  fieldMasks: ['updateMask'],
};

function jsonCodec<Message>(): Codec<Message> {
  return {
    encode: (message) => ({ finish: () => Buffer.from(JSON.stringify(message)) }),
    decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()),
  };
}

/** Runs a call for a user, made by a service if one is named. Whoever has no service has a token. */
function as<Result>(subject: string | undefined, call: () => Result, service?: string): Result {
  return asCaller({ service, subject, roles: [], ...(service === undefined && { expiresMs: 1 }) }, call);
}

function asCaller<Result>(caller: Caller, call: () => Result): Result {
  return runInScope({ requestId: 'r', traceparent: '', deadlineMs: undefined, signal: undefined, caller }, call);
}

const dayMs = 86_400_000;
const reused = { reason: 'REQUEST_ID_REUSED' };
const id = 'b46c9a3e-67a1-4d1c-9a5b-1f0d2c3b4a59';
const request: Change = { requestId: id, names: ['b', 'a'], updateMask: ['name', 'email'] };

describe('two calls with one request_id', () => {
  describeOnEachDatabase((newUrl) => {
    const open = async () => {
      const clock = createTestClock();
      const storage = await openStorage(newUrl(), { clock });
      onTestFinished(() => storage.close());
      const statements: string[] = [];
      const recording = changeStatements(storage, (sql) => {
        statements.push(sql);
        return sql;
      });
      const idempotency = await createIdempotency(recording, { clock });
      let effects = 0;
      const call = (one: Change) =>
        idempotency.onceFor(
          change,
          one,
        )(async () => {
          effects += 1;
          return effects;
        });
      const replay = (one: Change) => idempotency.onceFor(change, one).replay();
      return { clock, storage, call, replay, effects: () => effects, statements };
    };

    it.each<[string, Partial<Change>]>([
      ['its id is in upper case', { requestId: id.toUpperCase() }],
      ['its field mask has another order', { updateMask: ['email', 'name'] }],
      ['its field mask has a path twice', { updateMask: ['name', 'email', 'name'] }],
    ])('are the same if %s', async (_, changed) => {
      const { call } = await open();
      expect(await call(request)).toBe(1);
      expect(await call({ ...request, ...changed })).toBe(1);
      const other = { ...request, requestId: randomUUID() };
      expect(await call({ ...other, ...changed, requestId: other.requestId.toUpperCase() })).toBe(2);
      expect(await call(other)).toBe(2);
    });

    it('are the same if one user makes them, and two if two do, who cannot block the ids of each other', async () => {
      const { call } = await open();
      expect(await as('alice', () => call(request))).toBe(1);
      expect(await as('alice', () => call(request), 'gateway')).toBe(1);
      expect(await as('bob', () => call({ ...request, names: [] }))).toBe(2);
      expect(await as('alice bob', () => call(request))).toBe(3);
      expect(await as('alice', () => call(request))).toBe(1);
      expect(await as('bob', () => call({ ...request, names: [] }))).toBe(2);
      await expect(as('alice', () => call({ ...request, names: [] }))).rejects.toMatchObject(reused);
    });

    it('are the same for a service without a user as before calls had callers', async () => {
      const { call } = await open();
      expect(await call(request)).toBe(1);
      expect(await as(undefined, () => call(request), 'order')).toBe(1);
    });

    it('are the same for a service on behalf of a user, whether calls have callers yet, still or no longer', async () => {
      const { call } = await open();
      expect(await call(request)).toBe(1);
      expect(await as('alice', () => call(request), 'order')).toBe(1);
      const other = { ...request, requestId: randomUUID() };
      expect(await as('alice', () => call(other), 'order')).toBe(2);
      expect(await call(other)).toBe(2);
      await expect(as('alice', () => call(other))).rejects.toMatchObject(reused);
    });

    it('are those of their users if a service passes their tokens on', async () => {
      const { call } = await open();
      const passOn = (subject: string) =>
        asCaller({ service: 'web', subject, roles: [], expiresMs: 1 }, () => call(request));
      expect(await passOn('alice')).toBe(1);
      expect(await passOn('bob')).toBe(2);
      expect(await passOn('alice')).toBe(1);
      expect(await as('bob', () => call(request))).toBe(2);
    });

    it('are refused for a user if the first was stored without one, as nobody knows whose it was', async () => {
      const { call, replay } = await open();
      expect(await call(request)).toBe(1);
      await expect(as('alice', () => call(request))).rejects.toMatchObject(reused);
      await expect(as('alice', () => replay(request))).rejects.toMatchObject(reused);
      // Another one with its id is the user's own.
      expect(await as('alice', () => call({ ...request, names: [] }))).toBe(2);
      expect(await as('alice', () => call({ ...request, names: [] }))).toBe(2);
    });

    it('are refused without a user if the first was stored for one, by instances of the version before too', async () => {
      const { storage, call, replay } = await open();
      expect(await as('alice', () => call(request))).toBe(1);
      expect(await as('bob', () => call(request))).toBe(2);
      await expect(call(request)).rejects.toMatchObject(reused);
      await expect(call({ ...request, requestId: id.toUpperCase() })).rejects.toMatchObject(reused);
      await expect(replay(request)).rejects.toMatchObject(reused);
      // It looks only for these two, and compares the fingerprint.
      const rows = await storage.query(
        'SELECT fingerprint FROM handled_request WHERE method = $1 AND request_id = $2',
        [change.path, id],
      );
      expect(rows).toHaveLength(1);
      expect(await as('alice', () => call(request))).toBe(1);
    });

    it('stay refused without a user for as long as the last user has a response to the id', async () => {
      const { clock, call } = await open();
      const other = () => call({ ...request, requestId: randomUUID() });
      await as('alice', () => call(request));
      clock.advance(6 * dayMs);
      expect(await as('bob', () => call(request))).toBe(2);
      clock.advance(2 * dayMs);
      await other();
      await expect(call(request)).rejects.toMatchObject(reused);
      expect(await as('bob', () => call(request))).toBe(2);
      // That call, too, has kept it.
      clock.advance(8 * dayMs);
      await other();
      expect(await call(request)).toBe(5);
    });

    it('take effect once if users and nobody make them at one time', async () => {
      const { call, effects } = await open();
      const made = await Promise.allSettled([call(request), as('alice', () => call(request)), call(request)]);
      expect(effects()).toBe(1);
      for (const one of made) {
        if (one.status === 'rejected') expect(one.reason).toMatchObject(reused);
        else expect(one.value).toBe(1);
      }
    });

    it('cost one statement before the effect, and one to find the response', async () => {
      const { call, replay, statements } = await open();
      // Looks for what to purge.
      await call({ ...request, requestId: randomUUID() });
      for (const user of [undefined, 'alice']) {
        const own = { ...request, requestId: randomUUID() };
        statements.length = 0;
        await as(user, () => replay(own), user === undefined ? 'order' : undefined);
        await as(user, () => call(own), user === undefined ? 'order' : undefined);
        expect(statements.map((sql) => sql.split(' ', 1)[0])).toEqual(['SELECT', 'INSERT', 'UPDATE']);
      }
    });

    it.each<[string, Partial<Change>]>([
      ['its field mask has other paths', { updateMask: ['name'] }],
      ['its field mask is missing', { updateMask: undefined }],
      ['a list has another order', { names: ['a', 'b'] }],
    ])('are different if %s', async (_, changed) => {
      const { call } = await open();
      await call(request);
      await expect(call({ ...request, ...changed })).rejects.toMatchObject(reused);
    });

    it('are the same if an earlier version stored the response under the text of the id', async () => {
      const { storage, call } = await open();
      const sent = { ...request, requestId: id.toUpperCase() };
      const fingerprint = hash('sha256', change.requestType.encode(sent).finish(), 'buffer');
      const response = change.responseType.encode(7).finish();
      await storage.execute(
        'INSERT INTO handled_request (method, request_id, fingerprint, response, create_time) VALUES ($1, $2, $3, $4, 9000000000000000)',
        [change.path, sent.requestId, fingerprint, response],
      );
      expect(await call(sent)).toBe(7);
      await expect(call({ ...sent, names: [] })).rejects.toMatchObject(reused);
    });
  });
});
