import { randomBytes } from 'node:crypto';
import { Status } from 'nice-grpc-common';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { DeadLetter } from '../../dead-letters/dead-letters.ts';
import { invalidRequest } from '../../errors/errors.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import { uuidv7 } from '../../ids/ids.ts';
import type { Storage } from '../../storage/storage.ts';
import { currentScope } from '../../telemetry/call-scope.ts';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { systemClock } from '../../time/clock.ts';
import { wrapEvent } from '../log/envelope.ts';
import type { NewEvent } from '../log/event-log.ts';
import { type EventParts, openEventParts, outOfReach, silent, versionEvent } from '../testing/events.ts';
import type { EventHandler } from './consumer.ts';
import { createEventConsumer, type EventConsumer, type EventConsumerOptions } from './create-consumer.ts';

describeOnEachDatabase((newUrl) => {
  let parts: EventParts;
  let made: EventConsumer[];

  beforeEach(async () => {
    parts = await openEventParts(newUrl());
    made = [];
    await parts.events.ensureTopic('t', { partitions: 1 });
    await parts.storage.execute('CREATE TABLE effect (handler TEXT NOT NULL, value TEXT NOT NULL)');
  });
  afterEach(async () => {
    await Promise.all(made.map((consumer) => consumer.stop()));
    await parts.close();
  });

  async function makeConsumer(
    handle: EventHandler['handle'],
    changes: Partial<EventConsumerOptions> & { readonly group?: string } = {},
  ): Promise<EventConsumer> {
    const { storage, events } = parts;
    const { group = 'g', clock = systemClock, ...others } = changes;
    const consumer = await createEventConsumer({
      events,
      storage,
      handler: { group, topics: ['t'], handle },
      retryDelaysMs: [1, 1],
      clock,
      logger: silent,
      ...others,
    });
    made.push(consumer);
    return consumer;
  }

  /** Writes down which version of which key it saw. */
  const record: EventHandler['handle'] =
    async (event, { version }) =>
    async (tx) => {
      await tx.execute('INSERT INTO effect (handler, value) VALUES ($1, $2)', [event.key, `${version}`]);
    };
  const effects = async () => (await parts.storage.query('SELECT value FROM effect')).map((row) => row.value);
  const effectsToBe = (values: readonly string[]) => eventually(async () => expect(await effects()).toEqual(values));
  const wrapped = (key: string, version: number, id: string = uuidv7()): NewEvent =>
    wrapEvent(versionEvent('t', key, version), { id, source: '//ordermesh/test', correlationId: 'r-1' });
  const letters = async (consumer: EventConsumer) => await Array.fromAsync(consumer.deadLetters.list({}, ''));
  const lettersToCount = (consumer: EventConsumer, count: number): Promise<DeadLetter[]> =>
    eventually(async () => {
      const found = await letters(consumer);
      expect(found).toHaveLength(count);
      return found;
    });
  /** Breaks for the key `bad` as often as it is told, after it has written. */
  const failing = (faults: { count: number }): EventHandler['handle'] => {
    return async (event, attributes) => async (tx) => {
      await (await record(event, attributes))?.(tx);
      if (event.key === 'bad' && faults.count-- > 0) throw new Error('the handler broke');
    };
  };

  test('an event that comes twice has one effect', async () => {
    await (await makeConsumer(record)).start();
    await parts.events.publish([wrapped('a', 1, 'same'), wrapped('a', 1, 'same'), wrapped('a', 2)]);
    await effectsToBe(['1', '2']);
  });

  test('an event has its effect once though the process stopped between the effect and the commit of its offset', async () => {
    const gate = Promise.withResolvers<void>();
    const cutOff = { ...parts.events, consume: parts.events.consume };
    const firstDelivery = Promise.withResolvers<void>();
    cutOff.consume = (options) =>
      parts.events.consume({
        ...options,
        handle: async (event, signal) => {
          await options.handle(event, signal);
          firstDelivery.resolve();
          await gate.promise;
          throw new Error('the offset is never committed');
        },
      });
    const first = await makeConsumer(record, { events: cutOff });
    await first.start();
    await parts.events.publish([wrapped('a', 1)]);
    await firstDelivery.promise;
    gate.resolve();
    await first.stop();
    await (await makeConsumer(record)).start();
    await parts.events.publish([wrapped('a', 2)]);
    await effectsToBe(['1', '2']);
  });

  test('a handler that fails is tried again, and leaves nothing of the failed tries', async () => {
    const consumer = await makeConsumer(failing({ count: 2 }));
    await consumer.start();
    await parts.events.publish([wrapped('bad', 1), wrapped('a', 2)]);
    await effectsToBe(['1', '2']);
    expect(await letters(consumer)).toEqual([]);
  });

  test('an event that keeps failing becomes a dead letter, whole, and the partition goes on', async () => {
    const consumer = await makeConsumer(failing({ count: 100 }));
    await consumer.start();
    const bad = wrapped('bad', 1);
    await parts.events.publish([bad, wrapped('bad', 2), wrapped('a', 3)]);
    await effectsToBe(['3']);
    const [letter] = await lettersToCount(consumer, 2);
    expect(letter).toMatchObject({
      source: 'event',
      origin: 't/g',
      reason: 'HANDLER_FAILED',
      error: 'the handler broke',
      attempts: 3,
      subjectId: 'bad',
      headers: bad.headers,
    });
    expect(Buffer.from(letter?.payload ?? [])).toEqual(bad.value);
  });

  test('an event that is itself at fault becomes a dead letter at its first try', async () => {
    const consumer = await makeConsumer(async (event) => {
      if (event.key === 'refused') throw invalidRequest([{ field: 'id', description: 'must be set' }]);
      JSON.parse(Buffer.from(event.value).toString());
      return undefined;
    });
    await consumer.start();
    await parts.events.publish([{ ...wrapped('bytes', 1), value: Buffer.from([0xff, 0x00]) }, wrapped('refused', 1)]);
    expect(await lettersToCount(consumer, 2)).toMatchObject([
      { subjectId: 'bytes', reason: 'UNDECODABLE', attempts: 1 },
      { subjectId: 'refused', reason: 'INVALID_FIELD', attempts: 1 },
    ]);
  });

  test('an event with texts that a database cannot hold becomes a dead letter all the same, and comes back whole', async () => {
    const seen: string[] = [];
    const consumer = await makeConsumer(async ({ key, headers }) => {
      seen.push(`${key} ${headers.ce_id}`);
      throw invalidRequest([{ field: 'id', description: 'has a \0 in it' }]);
    });
    await consumer.start();
    await parts.events.publish([wrapped('a\0b', 1, 'i\0d')]);
    const [letter] = await lettersToCount(consumer, 1);
    await expect(consumer.deadLetters.redrive(letter?.id ?? '')).rejects.toMatchObject({ reason: 'INVALID_FIELD' });
    expect(seen).toEqual(['a\0b i\0d', 'a\0b i\0d']);
  });

  test('an event whose id is too long for an index has one effect, and holds up nobody', async () => {
    const long = randomBytes(4_000).toString('hex');
    await (await makeConsumer(record)).start();
    await parts.events.publish([wrapped('a', 1, long), wrapped('a', 1, long), wrapped('a', 2, `${long}!`)]);
    await effectsToBe(['1', '2']);
  });

  test('events that two sources gave the same id are two events', async () => {
    await (await makeConsumer(record)).start();
    const ours = wrapped('a', 1, 'same');
    const theirs = wrapEvent(versionEvent('t', 'a', 2), { id: 'same', source: '//elsewhere' });
    await parts.events.publish([ours, theirs, ours, theirs, wrapped('a', 3)]);
    await effectsToBe(['1', '2', '3']);
  });

  test('a dead event that is delivered again is neither handled nor buried a second time', async () => {
    const consumer = await makeConsumer(failing({ count: 3 }));
    await consumer.start();
    await parts.events.publish([wrapped('bad', 1, 'same'), wrapped('bad', 1, 'same'), wrapped('a', 2)]);
    await effectsToBe(['2']);
    expect(await letters(consumer)).toHaveLength(1);
  });

  test('a redriven event has its effect once, and stays a dead letter while its handler fails', async () => {
    const faults = { count: 4 };
    const consumer = await makeConsumer(failing(faults));
    await consumer.start();
    await parts.events.publish([wrapped('bad', 1)]);
    const [letter] = await lettersToCount(consumer, 1);
    const id = letter?.id ?? '';
    await expect(consumer.deadLetters.redrive(id)).rejects.toThrow('the handler broke');
    expect(await letters(consumer)).toHaveLength(1);
    expect(await effects()).toEqual([]);

    const outcomes = await Promise.all([consumer.deadLetters.redrive(id), consumer.deadLetters.redrive(id)]);
    expect(outcomes.toSorted()).toEqual([false, true]);
    expect(await consumer.deadLetters.redrive(id)).toBe(false);
    expect(await effects()).toEqual(['1']);
    expect(await letters(consumer)).toEqual([]);
  });

  test('a dead letter whose event has had its effect since, in a replay, is redriven without a second one', async () => {
    const consumer = await makeConsumer(failing({ count: 3 }));
    await consumer.start();
    await parts.events.publish([wrapped('bad', 1, 'same')]);
    const [letter] = await lettersToCount(consumer, 1);
    // As after its retention.
    await parts.storage.execute('DELETE FROM inbox');
    await parts.events.publish([wrapped('bad', 1, 'same')]);
    await effectsToBe(['1']);
    expect(await consumer.deadLetters.redrive(letter?.id ?? '')).toBe(true);
    expect(await effects()).toEqual(['1']);
  });

  test('groups that share a storage each have their effect and their own dead letters', async () => {
    const one = await makeConsumer(failing({ count: 100 }), { group: 'one' });
    const two = await makeConsumer(record, { group: 'two' });
    await Promise.all([one.start(), two.start()]);
    await parts.events.publish([wrapped('bad', 1)]);
    await effectsToBe(['1']);
    const [letter] = await lettersToCount(one, 1);
    expect(await letters(two)).toEqual([]);
    expect(await two.deadLetters.get(letter?.id ?? '')).toBeUndefined();
    expect(await two.deadLetters.redrive(letter?.id ?? '')).toBe(false);
    expect(await two.deadLetters.discard(letter?.id ?? '', 'not mine')).toBe(false);
    expect(await one.deadLetters.discard(letter?.id ?? '', 'known')).toBe(true);
  });

  test('a storage that is out of reach is no fault of the event: it waits, and no dead letter is made', async () => {
    let cuts = 2;
    const storage: Storage = {
      ...parts.storage,
      transaction: (work, options) =>
        cuts-- > 0 ? Promise.reject(outOfReach()) : parts.storage.transaction(work, options),
    };
    const cutOff = await makeConsumer(record, { storage, retryDelaysMs: [1] });
    await cutOff.start();
    await parts.events.publish([wrapped('a', 1)]);
    await effectsToBe(['1']);
    expect(cuts).toBeLessThan(0);
    expect(await letters(cutOff)).toEqual([]);
  });

  test('an event that waits for its next try is left to the next start when the consumer stops', async () => {
    const tried = Promise.withResolvers<void>();
    const consumer = await makeConsumer(
      async () => {
        tried.resolve();
        throw new Error('not now');
      },
      { retryDelaysMs: [3_600_000] },
    );
    await consumer.start();
    await parts.events.publish([wrapped('a', 1)]);
    await tried.promise;
    await consumer.stop();
    expect(await letters(consumer)).toEqual([]);
    await (await makeConsumer(record)).start();
    await effectsToBe(['1']);
  });

  test('it stops within its grace while an event hangs, which is left to the next start', async () => {
    const clock = createTestClock();
    const taken = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<undefined>();
    const consumer = await makeConsumer(
      () => {
        taken.resolve();
        return answer.promise;
      },
      { clock },
    );
    await consumer.start();
    await parts.events.publish([wrapped('a', 1)]);
    await taken.promise;
    const stopped = consumer.stop(1_000);
    clock.advance(1_000);
    await stopped;
    answer.reject(outOfReach());
    await (await makeConsumer(record)).start();
    await effectsToBe(['1']);
  });

  test('a handler runs in the trace and under the request id of the call that caused the event', async () => {
    const seen = Promise.withResolvers<unknown>();
    await (await makeConsumer(async () => async () => seen.resolve(currentScope()))).start();
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const event = wrapped('a', 1);
    const headers = { ...event.headers, traceparent: `00-${traceId}-b7ad6b7169203331-01` };
    await parts.events.publish([{ ...event, headers }]);
    expect(await seen.promise).toMatchObject({ requestId: 'r-1', traceparent: expect.stringContaining(traceId) });
  });

  test('it joins later when the log is out of reach at its start', async () => {
    let cuts = 2;
    const events = { ...parts.events };
    events.consume = (options) => (cuts-- > 0 ? Promise.reject(outOfReach()) : parts.events.consume(options));
    await (await makeConsumer(record, { events })).start();
    await parts.events.publish([wrapped('a', 1)]);
    await effectsToBe(['1']);
  });

  test('a clock that is a year ahead for a while makes no event be forgotten', async () => {
    const clock = createTestClock();
    const first = await makeConsumer(record, { clock });
    await first.start();
    await parts.events.publish([wrapped('a', 1, 'same')]);
    await effectsToBe(['1']);
    const yearMs = 365 * 24 * 60 * 60 * 1000;
    clock.shift(yearMs);
    await eventually(() => expect(clock.pendingMs()).not.toEqual([]));
    clock.advance(2 * 60 * 60 * 1000);
    await first.stop();
    const second = await makeConsumer(record, { clock: createTestClock(clock.now() + yearMs) });
    await second.start();
    await parts.events.publish([wrapped('a', 2)]);
    await effectsToBe(['1', '2']);
    await second.stop();
    await (await makeConsumer(record)).start();
    await parts.events.publish([wrapped('a', 1, 'same'), wrapped('a', 3)]);
    await effectsToBe(['1', '2', '3']);
  });

  test('events with an empty id are events each, and so are those in the place of others whose topic is gone', async () => {
    const values = ['1', '2', '3'];
    const versions: EventHandler['handle'] = async ({ value }) => {
      const text = Buffer.from(value).toString();
      return async (tx) => void (await tx.execute("INSERT INTO effect (handler, value) VALUES ('', $1)", [text]));
    };
    const foreign = (value: string, headers: Record<string, string>) => ({
      ...wrapped('a', 1),
      headers,
      value: Buffer.from(value),
    });
    const first = await makeConsumer(versions);
    await first.start();
    for (const value of values) await parts.events.publish([foreign(value, { ce_id: ' ', ce_source: 's' })]);
    await effectsToBe(values);
    await parts.events.publish([foreign('4', {})]);
    await effectsToBe(['1', '2', '3', '4']);
    await first.stop();

    // Another log, in which the same places hold other events.
    const again = await openEventParts(newUrl());
    try {
      await again.events.ensureTopic('t', { partitions: 1 });
      const events = ['5', '6', '7', '8'].map((value) => foreign(value, {}));
      await again.events.publish(events);
      const second = await makeConsumer(versions, { events: again.events });
      await second.start();
      await effectsToBe(['1', '2', '3', '4', '5', '6', '7', '8']);
      await second.stop();
      // Delivered again, from the beginning, as after a crash.
      const third = await makeConsumer(versions, { events: again.events, group: 'g' });
      await again.events.publish([foreign('9', {})]);
      await third.start();
      await effectsToBe(['1', '2', '3', '4', '5', '6', '7', '8', '9']);
      await third.stop();
    } finally {
      await again.close();
    }
  });

  test('an event without an id that an earlier version handled is not handled again', async () => {
    const event: NewEvent = { ...wrapped('a', 1), headers: {} };
    // The inbox row as that version wrote it: after the event, by its place.
    const consumer = await makeConsumer(async () => async (tx) => {
      await tx.execute("INSERT INTO effect (handler, value) VALUES ('', 'effect')");
    });
    const sql = 'INSERT INTO inbox (consumer_group, event_id, dead, time_ms) VALUES ($1, $2, 0, $3)';
    await parts.storage.execute(sql, ['g', ' t/0/0', event.timeMs + 5]);
    await parts.storage.execute(sql, ['g', ' t/0/1', event.timeMs - 5]);
    await parts.events.publish([event, event]);
    await consumer.start();
    await effectsToBe(['effect']);
  });

  test.each([
    [Status.UNIMPLEMENTED, 'UNKNOWN_METHOD'],
    [Status.UNAUTHENTICATED, 'BAD_TOKEN'],
    [Status.PERMISSION_DENIED, 'DENIED'],
    [Status.INVALID_ARGUMENT, 'UNDECODABLE_MESSAGE'],
  ])(
    'an answer with code %i %s is about the mesh: the event waits, that is seen, and no dead letter is made',
    async (code, reason) => {
      const logger = silent.child({});
      const error = vi.spyOn(logger, 'error');
      let isWired = false;
      const consumer = await makeConsumer(
        async (event, attributes) => {
          if (!isWired) throw new MeshError(code, reason, 'wired wrongly');
          return await record(event, attributes);
        },
        { logger, retryDelaysMs: [] },
      );
      await consumer.start();
      await parts.events.publish([wrapped('a', 1)]);
      await eventually(() => expect(consumer.check()).rejects.toMatchObject({ reason }));
      expect(error).toHaveBeenCalledTimes(1);
      isWired = true;
      await effectsToBe(['1']);
      expect(await letters(consumer)).toEqual([]);
      await eventually(() => expect(consumer.check()).resolves.toBeUndefined());
    },
  );

  test('the log names the dead letter of an event, and where the event is', async () => {
    const logger = silent.child({});
    const error = vi.spyOn(logger, 'error');
    const consumer = await makeConsumer(() => Promise.reject(new SyntaxError('no event')), { logger });
    await consumer.start();
    await parts.events.publish([wrapped('a', 1)]);
    const letter = await eventually(async () => (await letters(consumer))[0] ?? expect.fail('no dead letter yet'));
    const place = { topic: expect.any(String), partition: expect.any(Number), offset: expect.any(String), key: 'a' };
    await eventually(() =>
      expect(error).toHaveBeenCalledWith(
        expect.objectContaining({ dead_letter: letter.id, ...place }),
        'event became a dead letter',
      ),
    );
  });

  test('the inbox forgets events after eight days', async () => {
    const clock = createTestClock();
    const consumer = await makeConsumer(record, { clock });
    await consumer.start();
    await parts.events.publish([wrapped('a', 1), wrapped('a', 2)]);
    await effectsToBe(['1', '2']);
    const remembered = async () => Number((await parts.storage.query('SELECT count(*) AS n FROM inbox'))[0]?.n);
    expect(await remembered()).toBe(2);
    clock.advance(8 * 24 * 60 * 60 * 1000 - 1);
    await parts.events.publish([wrapped('a', 3)]);
    await effectsToBe(['1', '2', '3']);
    expect(await remembered()).toBe(3);
    await eventually(() => expect(clock.pendingMs()).not.toEqual([]));
    clock.advance(2 * 60 * 60 * 1000);
    await eventually(async () => expect(await remembered()).toBe(1));
  });
});
