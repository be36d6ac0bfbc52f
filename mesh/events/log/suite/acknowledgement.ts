import { randomUUID } from 'node:crypto';
import { Status } from 'nice-grpc-common';
import { expect, it } from 'vitest';
import { MeshError } from '../../../errors/mesh-error.ts';
import { captureLog } from '../../../testing/captured-log.ts';
import { collector, distinct, numbered, text } from '../../testing/sample-events.ts';
import type { ConsumeOptions } from '../event-log.ts';
import type { TestLogs } from './fixture.ts';

/** When every event log commits an offset. */
export function describeAcknowledgement({ makeTopic, open, reopen, until }: TestLogs): void {
  it('delivers a rejected event again before any later one', async () => {
    const log = await open();
    const topic = await makeTopic(log, 1);
    await log.publish(numbered(topic, ['a'], 3));
    const tries: string[] = [];
    await log.consume({
      group: randomUUID(),
      topics: [topic],
      handle: async (stored) => {
        tries.push(text(stored));
        if (text(stored) === '1' && tries.length < 4) throw new Error('not yet');
      },
    });
    await until(() => expect(tries.at(-1)).toBe('2'));
    expect(tries).toEqual(['0', '1', '1', '1', '2']);
  });

  it('logs one warning while what its handlers depend on is away', async () => {
    const { logger, lines } = captureLog();
    const log = await open(logger);
    const topic = await makeTopic(log, 4);
    await log.publish(numbered(topic, ['a', 'b', 'c', 'd', 'e'], 10));
    let attempts = 0;
    const handle: ConsumeOptions['handle'] = async () => {
      attempts += 1;
      throw new MeshError(Status.UNAVAILABLE, 'STORAGE_UNAVAILABLE', 'the database is away');
    };
    await log.consume({ group: randomUUID(), topics: [topic], handle });
    await until(() => expect(attempts).toBeGreaterThan(8));
    expect(lines.filter(({ msg }) => msg.startsWith('event was not handled'))).toMatchObject([{ level: 'warn' }]);
  });

  it('delivers an event again that took effect but was not committed', async () => {
    let log = await open();
    const topic = await makeTopic(log, 1);
    const group = randomUUID();
    await log.publish(numbered(topic, ['a'], 3));
    const effects: string[] = [];
    const failsAfterEffect: ConsumeOptions['handle'] = async (stored) => {
      effects.push(text(stored));
      if (text(stored) === '1') throw new Error('cut off between effect and commit');
    };
    await log.consume({ group, topics: [topic], handle: failsAfterEffect });
    await until(() => expect(effects).toContain('1'));
    log = await reopen(log);
    const seen = collector();
    await log.consume({ group, topics: [topic], handle: seen.handle });
    await until(() => expect(seen.events.map(text)).toEqual(['1', '2']));
  });

  it('stops a member only when its event in progress is handled and committed', async () => {
    let log = await open();
    const topic = await makeTopic(log, 1);
    const group = randomUUID();
    const gate = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<{ readonly by: number; readonly signal: AbortSignal }>();
    const handled: string[] = [];
    const join = (by: number) =>
      log.consume({
        group,
        topics: [topic],
        handle: async (stored, signal) => {
          begun.resolve({ by, signal });
          await gate.promise;
          handled.push(text(stored));
        },
      });
    const members = [await join(0), await join(1)];
    await log.publish(numbered(topic, ['a'], 1));
    const { by, signal } = await begun.promise;
    let stopped = false;
    const stopping = members[by]?.stop().then(() => {
      stopped = true;
    });
    await until(() => expect(signal.aborted).toBe(true));
    // Time enough for a member that did not wait.
    await log.publish(numbered(topic, ['b'], 1, 1));
    await log.publish(numbered(topic, ['b'], 1, 2));
    expect({ stopped, handled }).toEqual({ stopped: false, handled: [] });
    gate.resolve();
    await stopping;
    expect(handled[0]).toBe('0');
    await until(() => expect(handled).toEqual(['0', '1', '2']));

    log = await reopen(log);
    await log.publish(numbered(topic, ['a'], 1, 3));
    const seen = collector();
    await log.consume({ group, topics: [topic], handle: seen.handle });
    await until(() => expect(seen.events.map(text)).toEqual(['3']));
  });

  it('closes while events are consumed, and resumes where it stopped', async () => {
    let log = await open();
    const topic = await makeTopic(log);
    const group = randomUUID();
    await log.publish(numbered(topic, ['a', 'b', 'c', 'd', 'e'], 500));
    const first = collector();
    await log.consume({ group, topics: [topic], handle: first.handle });
    await until(() => expect(first.events).not.toHaveLength(0));
    log = await reopen(log);
    const second = collector();
    await log.consume({ group, topics: [topic], handle: second.handle });
    await until(() => expect(distinct([...first.events, ...second.events])).toHaveLength(500));
  });
}
