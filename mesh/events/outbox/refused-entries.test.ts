import { Status } from 'nice-grpc-common';
import { describe, expect, it, vi } from 'vitest';
import { listDeadLetters, oneDeadLetter } from '../../dead-letters/testing/dead-letters.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import type { TaskQueue } from '../../tasks/task-queue.ts';
import { eventually } from '../../testing/eventually.ts';
import { maxEventBytes } from '../embedded/embedded-log.ts';
import type { EventLog } from '../log/event-log.ts';
import { silent, versionEvent } from '../testing/events.ts';
import { describeOutboxes, expectOutboxEmpty } from '../testing/outboxes.ts';

describe('an outbox whose entry is refused', () => {
  describeOutboxes(({ add, makeOutbox, parts, sentVersions, watched }) => {
    it('makes it a complete dead letter and publishes others, even of its key', async () => {
      // An earlier version of the service published to the topic `missing` too.
      const earlier = await makeOutbox({ topics: [{ name: 't' }, { name: 'missing' }] });
      await parts().storage.transaction(async (tx) => {
        await earlier.addEvent(tx, versionEvent('t', 'a', 1));
        await earlier.addEvent(tx, { ...versionEvent('t', 'large', 1), json: 'x'.repeat(maxEventBytes) });
        await earlier.addEvent(tx, versionEvent('missing', 'b', 1));
        await earlier.addEvent(tx, versionEvent('t', 'large', 2));
      });
      const outbox = await makeOutbox();
      await outbox.start();
      await eventually(() => expectOutboxEmpty(outbox));
      expect(sentVersions('a')).toContain(1);
      expect(sentVersions('large')).toEqual([2]);
      const [large, missing] = await listDeadLetters(outbox);
      expect(large).toMatchObject({ source: 'event', origin: 't/outbox', reason: 'EVENT_TOO_LARGE', attempts: 1 });
      const whole = await outbox.deadLetters.get(large?.id ?? '');
      expect(whole?.payload.length).toBeGreaterThan(maxEventBytes);
      expect(missing).toMatchObject({ origin: 'missing/outbox', reason: 'UNKNOWN_TOPIC', subjectId: 'b' });

      expect(await outbox.deadLetters.redrive(large?.id ?? '')).toBe(true);
      await eventually(async () =>
        expect((await listDeadLetters(outbox)).map(({ origin }) => origin)).toContain('t/outbox'),
      );
      const [again] = await Array.fromAsync(outbox.deadLetters.list({ reason: 'EVENT_TOO_LARGE' }, ''));
      expect(again?.headers).toEqual(large?.headers);
      expect(await outbox.deadLetters.discard(again?.id ?? '', 'not needed')).toBe(true);

      await parts().events.ensureTopic('missing');
      expect(await outbox.deadLetters.redrive(missing?.id ?? '')).toBe(true);
      await eventually(() => expect(sentVersions('b')).toEqual([1]));
      expect(await listDeadLetters(outbox)).toEqual([]);
    });

    it('makes a task a dead letter and delivers it when it is redriven', async () => {
      let refuses = true;
      const enqueue: TaskQueue['enqueue'] = async (queue, tasks) => {
        if (refuses && tasks.some(({ id }) => id === 'bad'))
          throw new MeshError(Status.INVALID_ARGUMENT, 'TASK_REFUSED', 'too long');
        await parts().tasks.enqueue(queue, tasks);
      };
      const outbox = await makeOutbox({ tasks: { ...parts().tasks, enqueue } });
      await outbox.start();
      await parts().storage.transaction(async (tx) => {
        await outbox.addTask(tx, { queue: 'q', id: 'bad', payload: Buffer.from('x'), headers: { a: 'b' } });
        await outbox.addTask(tx, { queue: 'q', id: 'good', payload: Buffer.from('y'), headers: {} });
      });
      const done: string[] = [];
      await parts().tasks.work({ queue: 'q', handle: async ({ id, headers }) => void done.push(`${id} ${headers.a}`) });
      const dead = await oneDeadLetter(outbox);
      expect(dead).toMatchObject({ source: 'task', origin: 'q/outbox', reason: 'TASK_REFUSED', subjectId: 'bad' });
      await eventually(() => expect(done).toEqual(['good undefined']));
      refuses = false;
      expect(await outbox.deadLetters.redrive(dead.id)).toBe(true);
      await eventually(() => expect(done).toEqual(['good undefined', 'bad b']));
    });

    it.each([Status.PERMISSION_DENIED, Status.UNAUTHENTICATED, Status.UNIMPLEMENTED])(
      'keeps it if the code is %i, which is about the installation',
      async (code) => {
        let failures = 0;
        const publish: EventLog['publish'] = (batch) =>
          failures++ < 2
            ? Promise.reject(new MeshError(code, 'DENIED', 'this user may not'))
            : watched(parts().events).publish(batch);
        const logger = silent.child({});
        const error = vi.spyOn(logger, 'error');
        const outbox = await makeOutbox({ events: { ...parts().events, publish }, logger });
        await outbox.start();
        await add(outbox, 'a', 1);
        await eventually(() => expect(sentVersions('a')).toEqual([1]));
        expect(await listDeadLetters(outbox)).toEqual([]);
        expect(error).toHaveBeenCalledTimes(1);
      },
    );

    it('creates a missing topic of its service again and publishes in the order of a key', async () => {
      let isMissing = false;
      const unknown = new MeshError(Status.NOT_FOUND, 'UNKNOWN_TOPIC', 'there is no topic t');
      const events: EventLog = {
        ...parts().events,
        publish: (batch) => (isMissing ? Promise.reject(unknown) : watched(parts().events).publish(batch)),
        async ensureTopic(name) {
          await parts().events.ensureTopic(name);
          isMissing = false;
        },
      };
      const outbox = await makeOutbox({ events });
      await outbox.start();
      await add(outbox, 'a', 1);
      await eventually(() => expectOutboxEmpty(outbox));
      isMissing = true;
      for (const version of [2, 3]) await add(outbox, 'a', version);
      await eventually(() => expect(sentVersions('a')).toEqual([1, 2, 3]));
      expect(await listDeadLetters(outbox)).toEqual([]);
    });

    it('publishes what an earlier version of this program held back', async () => {
      const outbox = await makeOutbox();
      await add(outbox, 'a', 1);
      await parts().storage.execute("UPDATE outbox SET refused_reason = 'UNKNOWN_TOPIC', refused_error = 'not there'");
      await outbox.start();
      await eventually(() => expect(sentVersions('a')).toEqual([1]));
    });
  });
});
