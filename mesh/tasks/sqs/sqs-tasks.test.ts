import { describeTaskQueue } from '../suite/task-queue.suite.ts';
import { describeSqsTasks } from '../testing/sqs-tasks.ts';

describeSqsTasks('tasks on SQS', ({ open, url }) => {
  describeTaskQueue('the SQS queue', (clock) => open(url(), { clock }), {
    deduplicates: false,
    countsTasksInHand: true,
  });
});
