import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../telemetry/logger.ts';
import { eventually } from '../../../testing/eventually.ts';
import { type TempFolder, tempFolder } from '../../../testing/temp-folder.ts';
import { systemClock } from '../../../time/clock.ts';
import type { EventLog, LogConsumer } from '../../log/event-log.ts';
import { heldHandler } from '../../testing/held-handler.ts';
import { numbered } from '../../testing/sample-events.ts';
import { openEmbeddedLog } from '../embedded-log.ts';

describe('a member of a group that gets several events of a partition at a time', () => {
  let folder: TempFolder;
  let log: EventLog;
  let handler: ReturnType<typeof heldHandler>;
  beforeEach(async () => {
    folder = await tempFolder();
    log = await openEmbeddedLog(join(folder.path, 'events.db'), { clock: systemClock, logger: createLogger('silent') });
    await log.ensureTopic('t', { partitions: 1 });
    await log.publish(numbered('t', ['a'], 10));
    handler = heldHandler();
  });
  afterEach(async () => {
    handler.end([...Array(20).keys()]);
    await log.close();
    await folder[Symbol.asyncDispose]();
  });

  const join4 = (handle = handler.handle): Promise<LogConsumer> =>
    log.consume({ group: 'g', topics: ['t'], concurrency: 4, handle });
  const committed = async () => (await log.committedOffsets('g', 't')).get(0);

  it('gets as many as it asks for, in order, and the next ones when these are handled', async () => {
    await join4();
    await eventually(() => expect(handler.begun()).toEqual([0, 1, 2, 3]));
    handler.end([1, 2, 3]);
    await eventually(() => expect(handler.ended()).toEqual([1, 2, 3]));
    expect(await committed()).toBe(0n);
    handler.end([0]);
    await eventually(() => expect(handler.begun()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]));
    expect(await committed()).toBe(4n);
  });

  it('gets only that event again which it has not handled, and its offset stays before that', async () => {
    await join4();
    await eventually(() => expect(handler.begun()).toHaveLength(4));
    handler.fail(1);
    handler.end([0, 2, 3]);
    await eventually(() => expect(handler.begun()).toEqual([0, 1, 2, 3, 1]));
    expect(await committed()).toBe(1n);
    handler.end([1]);
    await eventually(() => expect(handler.begun()).toContain(7));
    expect(await committed()).toBe(4n);
  });

  it('finishes all of them before it leaves, and the next one continues after them', async () => {
    const member = await join4();
    await eventually(() => expect(handler.begun()).toHaveLength(4));
    let left = false;
    const leaving = member.stop().then(() => {
      left = true;
    });
    handler.end([0, 1, 3]);
    await eventually(() => expect(handler.ended()).toEqual([0, 1, 3]));
    expect(await committed()).toBe(0n);
    expect(left).toBe(false);
    handler.end([2]);
    await leaving;
    expect(await committed()).toBe(4n);
    const next = heldHandler();
    await join4(next.handle);
    await eventually(() => expect(next.begun()).toEqual([4, 5, 6, 7]));
    next.end([4, 5, 6, 7, 8, 9]);
    await eventually(() => expect(next.begun()).toHaveLength(6));
    next.end([8, 9]);
  });
});
