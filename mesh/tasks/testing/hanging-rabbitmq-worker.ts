import { openStorage } from '../../storage/open.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { systemClock } from '../../time/clock.ts';
import { openRabbitmqTasks } from '../rabbitmq/rabbitmq-tasks.ts';

const [url = '', file = '', queue = ''] = process.argv.slice(2);

const tasks = await openRabbitmqTasks(url, {
  open: () => openStorage(`sqlite:${file}`),
  clock: systemClock,
  logger: createLogger('error'),
});
await tasks.work({
  queue,
  retryDelaysMs: [50, 50],
  handle: async (task) => {
    process.stdout.write(`${task.id} ${task.attempt}\n`);
    await new Promise(() => undefined);
  },
});
setInterval(() => undefined, 60_000);
