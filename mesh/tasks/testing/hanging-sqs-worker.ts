import { parseSqsUrl } from '../../config/sqs-url.ts';
import { openStorage } from '../../storage/open.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { systemClock } from '../../time/clock.ts';
import { openSqsTasks } from '../sqs/sqs-tasks.ts';

const [url = '', file = '', queue = ''] = process.argv.slice(2);

const target = parseSqsUrl(url);
if (!target) throw new TypeError(`invalid URL ${url}`);
const tasks = await openSqsTasks(target, {
  open: () => openStorage(`sqlite:${file}`),
  longPollS: 1,
  clock: systemClock,
  logger: createLogger('error'),
});
await tasks.work({
  queue,
  visibilityTimeoutMs: 3_000,
  handle: async (task) => {
    process.stdout.write(`${task.id} ${task.attempt}\n`);
    await new Promise(() => undefined);
  },
});
setInterval(() => undefined, 60_000);
