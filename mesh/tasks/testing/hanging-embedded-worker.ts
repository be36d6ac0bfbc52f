import { createLogger } from '../../telemetry/logger.ts';
import { systemClock } from '../../time/clock.ts';
import { openEmbeddedTasks } from '../embedded/embedded-tasks.ts';

const [file = '', queue = ''] = process.argv.slice(2);

const tasks = await openEmbeddedTasks(file, { clock: systemClock, logger: createLogger('error') });
await tasks.enqueue(queue, [{ id: 'a', payload: Buffer.from('a'), headers: {} }]);
await tasks.work({
  queue,
  handle: async (task) => {
    process.stdout.write(`${task.id}\n`);
    await new Promise(() => undefined);
  },
});
setInterval(() => undefined, 60_000);
