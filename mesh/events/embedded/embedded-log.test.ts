import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../telemetry/clock.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { describeEventLog } from '../event-log-contract.ts';
import { openEmbeddedLog } from './embedded-log.ts';

const logger = createLogger('silent');

async function makeFixture() {
  const folder = await mkdtemp(join(tmpdir(), 'event-log-'));
  return {
    open: () => openEmbeddedLog(join(folder, 'events.db'), { clock: systemClock, logger }),
    destroy: () => rm(folder, { recursive: true }),
  };
}

describeEventLog('the embedded event log', makeFixture, { waitMs: 5000 });
