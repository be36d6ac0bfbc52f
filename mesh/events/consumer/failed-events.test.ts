import { Status } from 'nice-grpc-common';
import { describe, expect, it, vi } from 'vitest';
import { deadLettersToCount, listDeadLetters, oneDeadLetter } from '../../dead-letters/testing/dead-letters.ts';
import { invalidRequest } from '../../errors/errors.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import type { Storage } from '../../storage/storage.ts';
import { eventually } from '../../testing/eventually.ts';
import { describeConsumers, failing, record, wrapped } from '../testing/consumers.ts';
import { outOfReach, silent } from '../testing/events.ts';

describe('a consumer whose handler fails', () => {
  describeConsumers(({ effects, effectsToBe, makeConsumer, parts }) => {
    it('retries the event and keeps nothing of the failed attempts', async () => {
      const consumer = await makeConsumer(failing({ count: 2 }));
      await consumer.start();
      await parts().events.publish([wrapped('bad', 1), wrapped('a', 2)]);
      await effectsToBe(['1', '2']);
      expect(await listDeadLetters(consumer)).toEqual([]);
    });

    it('makes an event that keeps failing a complete dead letter and continues with the partition', async () => {
      const consumer = await makeConsumer(failing({ count: 100 }));
      await consumer.start();
      const bad = wrapped('bad', 1);
      await parts().events.publish([bad, wrapped('bad', 2), wrapped('a', 3)]);
      await effectsToBe(['3']);
      const [dead] = await deadLettersToCount(consumer, 2);
      expect(dead).toMatchObject({
        source: 'event',
        origin: 't/g',
        reason: 'HANDLER_FAILED',
        error: 'the handler broke',
        attempts: 3,
        subjectId: 'bad',
        headers: bad.headers,
      });
      expect(Buffer.from(dead?.payload ?? [])).toEqual(bad.value);
    });

    it('makes an event that is itself at fault a dead letter after one attempt', async () => {
      const consumer = await makeConsumer(async (event) => {
        if (event.key === 'refused') throw invalidRequest([{ field: 'id', description: 'must be set' }]);
        JSON.parse(Buffer.from(event.value).toString());
        return undefined;
      });
      await consumer.start();
      await parts().events.publish([
        { ...wrapped('bytes', 1), value: Buffer.from([0xff, 0x00]) },
        wrapped('refused', 1),
      ]);
      expect(await deadLettersToCount(consumer, 2)).toMatchObject([
        { subjectId: 'bytes', reason: 'UNDECODABLE', attempts: 1 },
        { subjectId: 'refused', reason: 'INVALID_FIELD', attempts: 1 },
      ]);
    });

    it('stores an event with texts that a database cannot hold as a dead letter and redrives it complete', async () => {
      const seen: string[] = [];
      const consumer = await makeConsumer(async ({ key, headers }) => {
        seen.push(`${key} ${headers.ce_id}`);
        throw invalidRequest([{ field: 'id', description: 'has a \0 in it' }]);
      });
      await consumer.start();
      await parts().events.publish([wrapped('a\0b', 1, 'i\0d')]);
      const dead = await oneDeadLetter(consumer);
      await expect(consumer.deadLetters.redrive(dead.id)).rejects.toMatchObject({ reason: 'INVALID_FIELD' });
      expect(seen).toEqual(['a\0b i\0d', 'a\0b i\0d']);
    });

    it('goes on after an event whose text its database may not hold', async () => {
      const consumer = await makeConsumer(async ({ key }) => async (tx) => {
        await tx.execute('INSERT INTO effect (handler, value) VALUES ($1, $2)', ['nul', key]);
      });
      await consumer.start();
      await parts().events.publish([wrapped('a\0b', 1), wrapped('next', 2)]);
      if (parts().storage.dialect === 'sqlite') return await effectsToBe(['a\0b', 'next']);
      await effectsToBe(['next']);
      expect(await oneDeadLetter(consumer)).toMatchObject({ reason: 'HANDLER_FAILED', attempts: 3 });
    });

    it('ignores a second delivery of a dead event', async () => {
      const consumer = await makeConsumer(failing({ count: 3 }));
      await consumer.start();
      await parts().events.publish([wrapped('bad', 1, 'same'), wrapped('bad', 1, 'same'), wrapped('a', 2)]);
      await effectsToBe(['2']);
      expect(await listDeadLetters(consumer)).toHaveLength(1);
    });

    it('redrives an event once and keeps it a dead letter while the handler fails', async () => {
      const faults = { count: 4 };
      const consumer = await makeConsumer(failing(faults));
      await consumer.start();
      await parts().events.publish([wrapped('bad', 1)]);
      const dead = await oneDeadLetter(consumer);
      const id = dead.id;
      await expect(consumer.deadLetters.redrive(id)).rejects.toThrow('the handler broke');
      expect(await listDeadLetters(consumer)).toHaveLength(1);
      expect(await effects()).toEqual([]);

      const outcomes = await Promise.all([consumer.deadLetters.redrive(id), consumer.deadLetters.redrive(id)]);
      expect(outcomes.toSorted()).toEqual([false, true]);
      expect(await consumer.deadLetters.redrive(id)).toBe(false);
      expect(await effects()).toEqual(['1']);
      expect(await listDeadLetters(consumer)).toEqual([]);
    });

    it('redrives a dead letter without a second effect if a replay has handled its event', async () => {
      const consumer = await makeConsumer(failing({ count: 3 }));
      await consumer.start();
      await parts().events.publish([wrapped('bad', 1, 'same')]);
      const dead = await oneDeadLetter(consumer);
      // As after its retention.
      await parts().storage.execute('DELETE FROM inbox');
      await parts().events.publish([wrapped('bad', 1, 'same')]);
      await effectsToBe(['1']);
      expect(await consumer.deadLetters.redrive(dead.id)).toBe(true);
      expect(await effects()).toEqual(['1']);
    });

    it('keeps the dead letters of groups that share a storage apart', async () => {
      const one = await makeConsumer(failing({ count: 100 }), { group: 'one' });
      const two = await makeConsumer(record, { group: 'two' });
      await Promise.all([one.start(), two.start()]);
      await parts().events.publish([wrapped('bad', 1)]);
      await effectsToBe(['1']);
      const dead = await oneDeadLetter(one);
      expect(await listDeadLetters(two)).toEqual([]);
      expect(await two.deadLetters.get(dead.id)).toBeUndefined();
      expect(await two.deadLetters.redrive(dead.id)).toBe(false);
      expect(await two.deadLetters.discard(dead.id, 'not mine')).toBe(false);
      expect(await one.deadLetters.discard(dead.id, 'known')).toBe(true);
    });

    it('lets the event wait, without a dead letter, while the storage is unavailable', async () => {
      let cuts = 2;
      const storage: Storage = {
        ...parts().storage,
        transaction: (work, options) =>
          cuts-- > 0 ? Promise.reject(outOfReach()) : parts().storage.transaction(work, options),
      };
      const cutOff = await makeConsumer(record, { storage, retryDelaysMs: [1] });
      await cutOff.start();
      await parts().events.publish([wrapped('a', 1)]);
      await effectsToBe(['1']);
      expect(cuts).toBeLessThan(0);
      expect(await listDeadLetters(cutOff)).toEqual([]);
    });

    it.each([
      [Status.UNIMPLEMENTED, 'UNKNOWN_METHOD'],
      [Status.UNAUTHENTICATED, 'BAD_TOKEN'],
      [Status.PERMISSION_DENIED, 'DENIED'],
      [Status.INVALID_ARGUMENT, 'UNDECODABLE_MESSAGE'],
    ])(
      'lets the event wait, without a dead letter, and reports code %i %s, which means wrong wiring',
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
        await parts().events.publish([wrapped('a', 1)]);
        await eventually(() => expect(consumer.check()).rejects.toMatchObject({ reason }));
        expect(error).toHaveBeenCalledTimes(1);
        isWired = true;
        await effectsToBe(['1']);
        expect(await listDeadLetters(consumer)).toEqual([]);
        await eventually(() => expect(consumer.check()).resolves.toBeUndefined());
      },
    );

    it('logs the dead letter and the position of its event', async () => {
      const logger = silent.child({});
      const error = vi.spyOn(logger, 'error');
      const consumer = await makeConsumer(() => Promise.reject(new SyntaxError('no event')), { logger });
      await consumer.start();
      await parts().events.publish([wrapped('a', 1)]);
      const dead = await eventually(
        async () => (await listDeadLetters(consumer))[0] ?? expect.fail('no dead letter yet'),
      );
      const place = { topic: expect.any(String), partition: expect.any(Number), offset: expect.any(String), key: 'a' };
      await eventually(() =>
        expect(error).toHaveBeenCalledWith(
          expect.objectContaining({ dead_letter: dead.id, ...place }),
          'event became a dead letter',
        ),
      );
    });
  });
});
