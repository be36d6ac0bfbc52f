import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll } from 'vitest';
import type { Logger } from '../../../telemetry/logger.ts';
import { eventually } from '../../../testing/eventually.ts';
import type { EventLog } from '../event-log.ts';

/** A log that outlives its connections. */
export interface EventLogFixture {
  /** Opens the log, with everything that was written before. Default: it logs nothing. */
  open(logger?: Logger): Promise<EventLog>;
  /** Sets the committed offset of a group in partition 0. No log is open. */
  commit(group: string, topic: string, offset: bigint): Promise<void>;
  /** Ends and removes everything. */
  destroy(): Promise<void>;
}

/** Opens logs for tests, and closes them. */
export interface TestLogs {
  open(logger?: Logger): Promise<EventLog>;
  reopen(log: EventLog, meanwhile?: (fixture: EventLogFixture) => Promise<void>): Promise<EventLog>;
  /** Creates a topic. Default: 4 partitions. */
  makeTopic(log: EventLog, partitions?: number): Promise<string>;
  /** `eventually`, as patient as this log needs. */
  until(check: () => void | Promise<void>): Promise<void>;
}

/** Opens the logs of a fixture. `waitMs` is the patience of `until`: a log with a rebalancing protocol takes its time. */
export function openTestLogs(makeFixture: () => Promise<EventLogFixture>, waitMs: number): TestLogs {
  let fixture: EventLogFixture;
  let opened: EventLog[] = [];

  beforeAll(async () => {
    fixture = await makeFixture();
  }, 120_000);
  afterAll(async () => await fixture.destroy());
  afterEach(async () => {
    await Promise.all(opened.map((log) => log.close()));
    opened = [];
  });

  async function open(logger?: Logger): Promise<EventLog> {
    const log = await fixture.open(logger);
    opened.push(log);
    return log;
  }

  return {
    open,
    async reopen(log, meanwhile) {
      await log.close();
      await meanwhile?.(fixture);
      return await open();
    },
    async makeTopic(log, partitions = 4) {
      const topic = `test.${randomUUID()}`;
      await log.ensureTopic(topic, { partitions });
      return topic;
    },
    until: (check) => eventually(check, { timeoutMs: waitMs }),
  };
}
