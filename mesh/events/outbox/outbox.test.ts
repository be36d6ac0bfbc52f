import { describe, expect, it } from 'vitest';
import type { Storage } from '../../storage/storage.ts';
import { runInScope } from '../../telemetry/call-scope.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { eventually } from '../../testing/eventually.ts';
import type { EventLog } from '../log/event-log.ts';
import { outOfReach, versionEvent } from '../testing/events.ts';
import { describeOutboxes, expectOutboxEmpty } from '../testing/outboxes.ts';

const none = { kind: 'task', entries: 0, oldestTimeMs: undefined };

describe('an outbox', () => {
  describeOutboxes(({ add, makeOutbox, parts, sent, sentVersions, watched }) => {
    it('publishes committed events with their CloudEvents headers, and none that was rolled back', async () => {
      const outbox = await makeOutbox();
      await outbox.start();
      const rolledBack = parts().storage.transaction(async (tx) => {
        await outbox.addEvent(tx, versionEvent('t', 'a', 1));
        throw new Error('changed its mind');
      });
      await expect(rolledBack).rejects.toThrow('changed its mind');
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      const caller = { service: 'order', subject: 'alice', roles: ['operator'] };
      const scope = { requestId: 'r-1', traceparent, deadlineMs: undefined, signal: undefined, caller };
      await runInScope(scope, () => add(outbox, 'a', 2));
      await eventually(() => expectOutboxEmpty(outbox));
      expect(sent()).toMatchObject([
        {
          topic: 't',
          key: 'a',
          headers: {
            'content-type': 'application/json',
            ce_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
            ce_type: 'CHANGED',
            ce_source: '//ordermesh/test',
            ce_subject: 'a',
            ce_sequence: '00000000000000000002',
            ce_correlationid: 'r-1',
            ce_actor: 'service:order;user:alice',
            traceparent,
          },
        },
      ]);
      expect(JSON.parse(Buffer.from(sent()[0]?.value ?? []).toString())).toEqual({ key: 'a', version: 2 });
    });

    it('publishes what was added before its start and what an earlier outbox left', async () => {
      await add(await makeOutbox(), 'a', 1);
      const outbox = await makeOutbox();
      await add(outbox, 'a', 2);
      expect(await outbox.backlog()).toMatchObject([
        { kind: 'event', entries: 2, oldestTimeMs: expect.any(Number) },
        none,
      ]);
      await outbox.start();
      await eventually(() => expectOutboxEmpty(outbox));
      expect(sentVersions('a')).toEqual([1, 2]);
      expect(await outbox.backlog()).toEqual([{ ...none, kind: 'event' }, none]);
    });

    it('refuses an event of an undeclared topic immediately and stores nothing', async () => {
      const outbox = await makeOutbox();
      await expect(add(outbox, 'a', 1, 'other')).rejects.toThrow(
        'topic other is not declared by //ordermesh/test: add it to the topics of the service',
      );
      await expectOutboxEmpty(outbox);
    });

    it('stops within its grace while dead letters are purged', async () => {
      const { storage } = parts();
      const [purging, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const execute: Storage['execute'] = async (sql, params) => {
        if (!sql.startsWith('DELETE FROM dead_letter')) return await storage.execute(sql, params);
        purging.resolve();
        await released.promise;
        return 0;
      };
      const outbox = await makeOutbox({ storage: { ...storage, execute } });
      await outbox.start();
      await purging.promise;
      await outbox.stop(200);
      released.resolve();
    });

    it('loses nothing and keeps the order while the log fails, and logs that once', async () => {
      let failures = 0;
      const events: EventLog = {
        ...watched(parts().events),
        publish: (batch) => (failures++ < 3 ? Promise.reject(outOfReach()) : watched(parts().events).publish(batch)),
      };
      const { logger, lines } = captureLog();
      const outbox = await makeOutbox({ events, logger });
      await outbox.start();
      for (let version = 1; version <= 20; version++) await add(outbox, 'a', version);
      await eventually(() => expectOutboxEmpty(outbox));
      expect(failures).toBeGreaterThan(3);
      expect(sentVersions('a')).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
      const which = { kind: 'event', source: expect.stringContaining('//'), entries: expect.any(Number) };
      const failed = { ...which, level: 'warn', msg: 'outbox relay failed; retrying' };
      // Logged after the entries are deleted, and so a moment after the outbox is empty.
      await eventually(() =>
        expect(lines).toMatchObject([failed, { ...which, level: 'info', msg: 'outbox relay recovered' }]),
      );
    });

    it('publishes an event again under the same id if it died before it recorded the delivery', async () => {
      const published = Promise.withResolvers<void>();
      const neverAnswers: EventLog = {
        ...parts().events,
        async publish(batch) {
          await watched(parts().events).publish(batch);
          published.resolve();
          return await new Promise(() => undefined);
        },
      };
      const dying = await makeOutbox({ events: neverAnswers });
      await add(dying, 'a', 1);
      // It hangs in its first try.
      void dying.start();
      await published.promise;
      await dying.stop(0);
      await parts().storage.execute('UPDATE outbox_lease SET until_ms = 0');

      const outbox = await makeOutbox();
      await outbox.start();
      await eventually(() => expectOutboxEmpty(outbox));
      expect(sentVersions('a')).toEqual([1, 1]);
      expect(sent()[0]?.headers.ce_id).toBe(sent()[1]?.headers.ce_id);
    });

    it('delivers tasks once, even while the log is unavailable', async () => {
      const outbox = await makeOutbox({ events: { ...parts().events, publish: () => Promise.reject(outOfReach()) } });
      await outbox.start();
      await add(outbox, 'a', 1);
      await parts().storage.transaction(async (tx) => {
        await outbox.addTask(tx, { queue: 'q', id: 'task-1', payload: Buffer.from('work'), headers: { a: 'b' } });
      });
      const done = Promise.withResolvers<unknown>();
      await parts().tasks.work({
        queue: 'q',
        handle: async ({ id, payload, headers }) =>
          done.resolve({ id, payload: Buffer.from(payload).toString(), headers }),
      });
      expect(await done.promise).toMatchObject({ id: 'task-1', payload: 'work', headers: { a: 'b' } });
      await eventually(async () => expect(await outbox.backlog()).toMatchObject([{ entries: 1 }, { entries: 0 }]));
    });

    it('delivers what waits before it stops, within its grace', async () => {
      const outbox = await makeOutbox();
      await outbox.start();
      await Promise.all(Array.from({ length: 700 }, (_, index) => add(outbox, `key-${index}`, 1)));
      await outbox.stop(5000);
      await expectOutboxEmpty(outbox);
      expect(sent()).toHaveLength(700);

      const stuck = await makeOutbox({ events: { ...parts().events, publish: () => Promise.reject(outOfReach()) } });
      await stuck.start();
      await add(stuck, 'a', 1);
      await stuck.stop(50);
      expect(await stuck.backlog()).toMatchObject([{ entries: 1 }, none]);
    });

    it('stops soon while the log is unavailable and leaves what waits to the next start', async () => {
      const outbox = await makeOutbox({ events: { ...parts().events, publish: () => Promise.reject(outOfReach()) } });
      await outbox.start();
      await add(outbox, 'a', 1);
      await outbox.stop(60_000);
      expect(await outbox.backlog()).toMatchObject([{ entries: 1 }, none]);
      await (await makeOutbox()).start();
      await eventually(() => expect(sentVersions('a')).toEqual([1]));
    });
  });
});
