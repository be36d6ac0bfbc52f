import { describe } from 'vitest';
import type { Clock } from '../../time/clock.ts';
import type { TaskQueue } from '../task-queue.ts';
import { describeFailing } from './failing.ts';
import { type TaskQueueFeatures, testQueues } from './fixture.ts';
import { describeWorking } from './working.ts';

/** The tests that every task queue passes. `open` opens it for one test, which closes it. */
export function describeTaskQueue(
  name: string,
  open: (clock: Clock) => Promise<TaskQueue>,
  features: TaskQueueFeatures,
): void {
  describe(name, () => {
    const queues = testQueues(open, features);
    describeWorking(queues);
    describeFailing(queues);
  });
}
