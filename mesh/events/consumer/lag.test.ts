import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempFolder } from '../../testing/temp-folder.ts';
import { systemClock as clock } from '../../time/clock.ts';
import { openEmbeddedLog } from '../embedded/embedded-log.ts';
import { silent } from '../testing/events.ts';
import { numbered } from '../testing/sample-events.ts';
import { measureLag } from './lag.ts';

describe('the lag of a group', () => {
  it('counts what the group has not handled, and nothing of a topic that does not exist yet', async () => {
    await using folder = await tempFolder();
    const log = await openEmbeddedLog(join(folder.path, 'events.db'), { clock, logger: silent });
    await log.ensureTopic('t', { partitions: 1 });
    await log.publish(numbered('t', ['a'], 3));
    expect(await measureLag(log, { group: 'g', topics: ['t', 'later'] })).toEqual([
      { topic: 't', partition: 0, next: undefined, end: 3n, events: 3n },
    ]);
    await log.close();
    await expect(measureLag(log, { group: 'g', topics: ['t'] })).rejects.toMatchObject({
      reason: 'EVENTS_UNAVAILABLE',
    });
  });
});
