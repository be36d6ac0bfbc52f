import { describe } from 'vitest';
import { describeAcknowledgement } from './acknowledgement.ts';
import { type EventLogFixture, openTestLogs } from './fixture.ts';
import { describeGroups } from './groups.ts';
import { describePublishing } from './publishing.ts';
import { describeReading } from './reading.ts';
import { describeStartingOver } from './starting-over.ts';

/** The tests that every event log passes, embedded or real. `waitMs` is how long a condition may take to become true. */
export function describeEventLog(
  name: string,
  makeFixture: () => Promise<EventLogFixture>,
  { waitMs }: { readonly waitMs: number },
): void {
  describe(name, { timeout: waitMs * 3 }, () => {
    const logs = openTestLogs(makeFixture, waitMs);
    describePublishing(logs);
    describeGroups(logs);
    describeAcknowledgement(logs);
    describeReading(logs);
    describeStartingOver(logs);
  });
}
