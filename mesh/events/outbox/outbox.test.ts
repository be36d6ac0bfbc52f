import { Status } from 'nice-grpc-common';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { MeshError } from '../../errors/mesh-error.ts';
import { openStorage } from '../../storage/open.ts';
import type { TaskQueue } from '../../tasks/task-queue.ts';
import { runInScope } from '../../telemetry/call-scope.ts';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import { systemClock } from '../../time/clock.ts';
import { maxEventBytes } from '../embedded/embedded-log.ts';
import type { EventLog, NewEvent } from '../log/event-log.ts';
import { type EventParts, openEventParts, outOfReach, silent, versionEvent } from '../testing/events.ts';
import { createOutbox, type OutboxOptions } from './create-outbox.ts';
import type { Outbox } from './outbox.ts';

describeOnEachDatabase((newUrl) => {
  let parts: EventParts;
  let made: Outbox[];
  let sent: NewEvent[];

  beforeEach(async () => {
    parts = await openEventParts(newUrl());
    made = [];
    sent = [];
  });
  afterEach(async () => {
    await Promise.all(made.map((outbox) => outbox.stop(0)));
    await parts.close();
  });

  async function makeOutbox(changes: Partial<OutboxOptions> = {}): Promise<Outbox> {
    const { storage, events, tasks } = parts;
    const outbox = await createOutbox({
      storage,
      events: watched(events),
      tasks,
      source: '//ordermesh/test',
      topics: [{ name: 't' }],
      clock: systemClock,
      logger: silent,
      ...changes,
    });
    made.push(outbox);
    return outbox;
  }

  /** The log, with what it acknowledged noted in `sent`. */
  function watched(events: EventLog): EventLog {
    return {
      ...events,
      async publish(batch) {
        const positions = await events.publish(batch);
        sent.push(...batch);
        return positions;
      },
    };
  }

  const add = (outbox: Outbox, key: string, version: number, topic = 't') =>
    parts.storage.transaction((tx) => outbox.addEvent(tx, versionEvent(topic, key, version)));
  const sentVersions = (key: string) =>
    sent.filter((event) => event.key === key).map((event) => Number(event.headers.ce_sequence));
  const empty = async (outbox: Outbox) => expect((await outbox.backlog()).entries).toBe(0);

  test('publishes what was committed, with its CloudEvents headers, and nothing that was rolled back', async () => {
    const outbox = await makeOutbox();
    await outbox.start();
    const rolledBack = parts.storage.transaction(async (tx) => {
      await outbox.addEvent(tx, versionEvent('t', 'a', 1));
      throw new Error('changed its mind');
    });
    await expect(rolledBack).rejects.toThrow('changed its mind');
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const scope = { requestId: 'r-1', traceparent, deadlineMs: undefined, signal: undefined };
    await runInScope(scope, () => add(outbox, 'a', 2));
    await eventually(() => empty(outbox));
    expect(sent).toMatchObject([
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
          traceparent,
        },
      },
    ]);
    expect(JSON.parse(Buffer.from(sent[0]?.value ?? []).toString())).toEqual({ key: 'a', version: 2 });
  });

  test('hands on what was added before it was started, and what an earlier one left', async () => {
    await add(await makeOutbox(), 'a', 1);
    const outbox = await makeOutbox();
    await add(outbox, 'a', 2);
    expect(await outbox.backlog()).toMatchObject({ entries: 2, oldestTimeMs: expect.any(Number) });
    await outbox.start();
    await eventually(() => empty(outbox));
    expect(sentVersions('a')).toEqual([1, 2]);
    expect(await outbox.backlog()).toEqual({ entries: 0, oldestTimeMs: undefined });
  });

  test('loses nothing and keeps the order while the log fails and heals, and says so once', async () => {
    let failures = 0;
    const events: EventLog = {
      ...watched(parts.events),
      publish: (batch) => (failures++ < 3 ? Promise.reject(outOfReach()) : watched(parts.events).publish(batch)),
    };
    const logger = silent.child({});
    const error = vi.spyOn(logger, 'error');
    const info = vi.spyOn(logger, 'info');
    const outbox = await makeOutbox({ events, logger });
    await outbox.start();
    for (let version = 1; version <= 20; version++) await add(outbox, 'a', version);
    await eventually(() => empty(outbox));
    expect(failures).toBeGreaterThan(3);
    expect(sentVersions('a')).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    expect(error).toHaveBeenCalledTimes(1);
    const which = { kind: 'event', source: expect.stringContaining('//'), entries: expect.any(Number) };
    expect(error).toHaveBeenCalledWith(expect.objectContaining(which), 'outbox relay failed; retrying');
    // Logged after the entries are deleted, and so a moment after the outbox is empty.
    await eventually(() => expect(info).toHaveBeenCalledWith(expect.objectContaining(which), 'outbox relay recovered'));
  });

  test('sends again under the same id what was published when it died before it could note that', async () => {
    const published = Promise.withResolvers<void>();
    const neverAnswers: EventLog = {
      ...parts.events,
      async publish(batch) {
        await watched(parts.events).publish(batch);
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
    await parts.storage.execute('UPDATE outbox_lease SET until_ms = 0');

    const outbox = await makeOutbox();
    await outbox.start();
    await eventually(() => empty(outbox));
    expect(sentVersions('a')).toEqual([1, 1]);
    expect(sent[0]?.headers.ce_id).toBe(sent[1]?.headers.ce_id);
  });

  const letters = (outbox: Outbox) => Array.fromAsync(outbox.deadLetters.list({}, ''));
  const lettersToCount = (outbox: Outbox, count: number) =>
    eventually(async () => {
      const found = await letters(outbox);
      expect(found).toHaveLength(count);
      return found;
    });

  test('refuses an event of a topic that it was not created with immediately, and stores nothing', async () => {
    const outbox = await makeOutbox();
    await expect(add(outbox, 'a', 1, 'other')).rejects.toThrow(
      'topic other is not declared by //ordermesh/test: add it to the topics of the service',
    );
    await empty(outbox);
  });

  test('makes what the log refuses a dead letter, whole, and lets others pass, also of its key', async () => {
    // An earlier version of the service published to the topic `missing` too.
    const earlier = await makeOutbox({ topics: [{ name: 't' }, { name: 'missing' }] });
    await parts.storage.transaction(async (tx) => {
      await earlier.addEvent(tx, versionEvent('t', 'a', 1));
      await earlier.addEvent(tx, { ...versionEvent('t', 'large', 1), json: 'x'.repeat(maxEventBytes) });
      await earlier.addEvent(tx, versionEvent('missing', 'b', 1));
      await earlier.addEvent(tx, versionEvent('t', 'large', 2));
    });
    const outbox = await makeOutbox();
    await outbox.start();
    await eventually(() => empty(outbox));
    expect(sentVersions('a')).toContain(1);
    expect(sentVersions('large')).toEqual([2]);
    const [large, missing] = await letters(outbox);
    expect(large).toMatchObject({ source: 'event', origin: 't/outbox', reason: 'EVENT_TOO_LARGE', attempts: 1 });
    expect(large?.payload.length).toBeGreaterThan(maxEventBytes);
    expect(missing).toMatchObject({ origin: 'missing/outbox', reason: 'UNKNOWN_TOPIC', subjectId: 'b' });

    expect(await outbox.deadLetters.redrive(large?.id ?? '')).toBe(true);
    await eventually(async () => expect((await letters(outbox)).map(({ origin }) => origin)).toContain('t/outbox'));
    const [again] = await Array.fromAsync(outbox.deadLetters.list({ reason: 'EVENT_TOO_LARGE' }, ''));
    expect(again?.headers).toEqual(large?.headers);
    expect(await outbox.deadLetters.discard(again?.id ?? '', 'not needed')).toBe(true);

    await parts.events.ensureTopic('missing');
    expect(await outbox.deadLetters.redrive(missing?.id ?? '')).toBe(true);
    await eventually(() => expect(sentVersions('b')).toEqual([1]));
    expect(await letters(outbox)).toEqual([]);
  });

  test('makes a task that the queue refuses a dead letter, and hands it on when it is redriven', async () => {
    let refuses = true;
    const enqueue: TaskQueue['enqueue'] = async (queue, tasks) => {
      if (refuses && tasks.some(({ id }) => id === 'bad'))
        throw new MeshError(Status.INVALID_ARGUMENT, 'TASK_REFUSED', 'too long');
      await parts.tasks.enqueue(queue, tasks);
    };
    const outbox = await makeOutbox({ tasks: { ...parts.tasks, enqueue } });
    await outbox.start();
    await parts.storage.transaction(async (tx) => {
      await outbox.addTask(tx, { queue: 'q', id: 'bad', payload: Buffer.from('x'), headers: { a: 'b' } });
      await outbox.addTask(tx, { queue: 'q', id: 'good', payload: Buffer.from('y'), headers: {} });
    });
    const done: string[] = [];
    await parts.tasks.work({ queue: 'q', handle: async ({ id, headers }) => void done.push(`${id} ${headers.a}`) });
    const [letter] = await lettersToCount(outbox, 1);
    expect(letter).toMatchObject({ source: 'task', origin: 'q/outbox', reason: 'TASK_REFUSED', subjectId: 'bad' });
    await eventually(() => expect(done).toEqual(['good undefined']));
    refuses = false;
    expect(await outbox.deadLetters.redrive(letter?.id ?? '')).toBe(true);
    await eventually(() => expect(done).toEqual(['good undefined', 'bad b']));
  });

  test.each([Status.PERMISSION_DENIED, Status.UNAUTHENTICATED, Status.UNIMPLEMENTED])(
    'keeps what was answered with code %i, which is about the installation',
    async (code) => {
      let failures = 0;
      const publish: EventLog['publish'] = (batch) =>
        failures++ < 2
          ? Promise.reject(new MeshError(code, 'DENIED', 'this user may not'))
          : watched(parts.events).publish(batch);
      const logger = silent.child({});
      const error = vi.spyOn(logger, 'error');
      const outbox = await makeOutbox({ events: { ...parts.events, publish }, logger });
      await outbox.start();
      await add(outbox, 'a', 1);
      await eventually(() => expect(sentVersions('a')).toEqual([1]));
      expect(await letters(outbox)).toEqual([]);
      expect(error).toHaveBeenCalledTimes(1);
    },
  );

  test('creates a topic of its service again that is missing, and hands on in the order of a key', async () => {
    let isMissing = false;
    const unknown = new MeshError(Status.NOT_FOUND, 'UNKNOWN_TOPIC', 'there is no topic t');
    const events: EventLog = {
      ...parts.events,
      publish: (batch) => (isMissing ? Promise.reject(unknown) : watched(parts.events).publish(batch)),
      async ensureTopic(name) {
        await parts.events.ensureTopic(name);
        isMissing = false;
      },
    };
    const outbox = await makeOutbox({ events });
    await outbox.start();
    await add(outbox, 'a', 1);
    await eventually(() => empty(outbox));
    isMissing = true;
    for (const version of [2, 3]) await add(outbox, 'a', version);
    await eventually(() => expect(sentVersions('a')).toEqual([1, 2, 3]));
    expect(await letters(outbox)).toEqual([]);
  });

  test('hands on what an earlier version of this program held back', async () => {
    const outbox = await makeOutbox();
    await add(outbox, 'a', 1);
    await parts.storage.execute("UPDATE outbox SET refused_reason = 'UNKNOWN_TOPIC', refused_error = 'not there'");
    await outbox.start();
    await eventually(() => expect(sentVersions('a')).toEqual([1]));
  });

  test('a process whose clock is far ahead holds up no other', async (context) => {
    if (parts.storage.dialect === 'sqlite') return context.skip('a SQLite file belongs to one process');
    const ahead = { ...systemClock, now: () => systemClock.now() + 24 * 60 * 60 * 1000 };
    const dying = await makeOutbox({
      clock: ahead,
      events: { ...parts.events, publish: () => new Promise(() => undefined) },
    });
    await add(dying, 'a', 1);
    void dying.start();
    const leftMs = async () => {
      const sql = "SELECT until_ms FROM outbox_lease WHERE kind = 'event' AND until_ms > 0";
      const [lease] = await parts.storage.query<{ until_ms: bigint }>(sql);
      return Number(lease?.until_ms ?? Number.NaN) - systemClock.now();
    };
    await eventually(async () => expect(await leftMs()).toBeGreaterThan(0));
    expect(await leftMs()).toBeLessThan(60_000);

    // As a version of this program wrote it that went by its own clock.
    const sql = "UPDATE outbox_lease SET holder = 'gone', until_ms = $1";
    await parts.storage.execute(sql, [ahead.now()]);
    const logger = silent.child({});
    const warn = vi.spyOn(logger, 'warn');
    await (await makeOutbox({ logger })).start();
    await eventually(() => expect(sentVersions('a')).toEqual([1]));
    expect(warn).toHaveBeenCalledWith(expect.objectContaining({ kind: 'event', holder: 'gone' }), expect.any(String));
  });

  test('hands tasks on, once, also while the log cannot be reached', async () => {
    const outbox = await makeOutbox({ events: { ...parts.events, publish: () => Promise.reject(outOfReach()) } });
    await outbox.start();
    await add(outbox, 'a', 1);
    await parts.storage.transaction(async (tx) => {
      await outbox.addTask(tx, { queue: 'q', id: 'task-1', payload: Buffer.from('work'), headers: { a: 'b' } });
    });
    const done = Promise.withResolvers<unknown>();
    await parts.tasks.work({
      queue: 'q',
      handle: async ({ id, payload, headers }) =>
        done.resolve({ id, payload: Buffer.from(payload).toString(), headers }),
    });
    expect(await done.promise).toMatchObject({ id: 'task-1', payload: 'work', headers: { a: 'b' } });
    await eventually(async () => expect(await outbox.backlog()).toMatchObject({ entries: 1 }));
  });

  test('hands on what waits before it stops, and no longer than it is given', async () => {
    const outbox = await makeOutbox();
    await outbox.start();
    await Promise.all(Array.from({ length: 700 }, (_, index) => add(outbox, `key-${index}`, 1)));
    await outbox.stop(5000);
    await empty(outbox);
    expect(sent).toHaveLength(700);

    const stuck = await makeOutbox({ events: { ...parts.events, publish: () => Promise.reject(outOfReach()) } });
    await stuck.start();
    await add(stuck, 'a', 1);
    await stuck.stop(50);
    expect(await stuck.backlog()).toMatchObject({ entries: 1 });
  });

  test('stops soon while the log cannot be reached, and leaves what waits to the next start', async () => {
    const outbox = await makeOutbox({ events: { ...parts.events, publish: () => Promise.reject(outOfReach()) } });
    await outbox.start();
    await add(outbox, 'a', 1);
    await outbox.stop(60_000);
    expect((await outbox.backlog()).entries).toBe(1);
    await (await makeOutbox()).start();
    await eventually(() => expect(sentVersions('a')).toEqual([1]));
  });

  test('does not lose an entry that is committed after a later one was handed on', async (context) => {
    if (parts.storage.dialect === 'sqlite') return context.skip('SQLite has one writer at a time');
    const outbox = await makeOutbox();
    await outbox.start();
    const late = parts.storage.transaction(async (tx) => {
      await outbox.addEvent(tx, versionEvent('t', 'late', 1));
      await tx.query('SELECT pg_sleep(0.3)');
    });
    await eventually(async () => {
      await add(outbox, 'early', 1);
      expect(sentVersions('early')).not.toEqual([]);
    });
    expect(sentVersions('late')).toEqual([]);
    await late;
    await eventually(() => expect(sentVersions('late')).toEqual([1]));
  });

  test('with several processes on one database every event goes out, those of a key in order', async (context) => {
    if (parts.storage.dialect === 'sqlite') return context.skip('a SQLite file belongs to one process');
    const storages = await Promise.all([1, 2, 3].map(() => openStorage(parts.url)));
    const outboxes = await Promise.all(storages.map((storage) => makeOutbox({ storage })));
    await Promise.all(outboxes.map((outbox) => outbox.start()));
    const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
    const changeThrough = async (key: string) => {
      for (let version = 1; version <= 20; version++) {
        const at = version % storages.length;
        await storages[at]?.transaction(
          async (tx) => await outboxes[at]?.addEvent(tx, versionEvent('t', key, version)),
        );
      }
    };
    await Promise.all(keys.map(changeThrough));
    await eventually(() => empty(outboxes[0] as Outbox));
    for (const key of keys) expect(sentVersions(key)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    await Promise.all(outboxes.map((outbox) => outbox.stop(1000)));
    await Promise.all(storages.map((storage) => storage.close()));
  });
});
