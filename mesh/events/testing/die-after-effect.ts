// Consumes, and dies between the effect of the event `die` and the commit of its offset: `<url> <topic> <group> <file>`.
import { appendFileSync } from 'node:fs';
import { createLogger } from '../../telemetry/logger.ts';
import { systemClock } from '../../time/clock.ts';
import { openKafkaLog } from '../kafka/kafka-log.ts';

const [url = '', topic = '', group = '', file = ''] = process.argv.slice(2);
const log = openKafkaLog(url, { clock: systemClock, logger: createLogger('silent') });
await log.consume({
  group,
  topics: [topic],
  handle: async ({ value }) => {
    const text = Buffer.from(value).toString();
    appendFileSync(file, `${text}\n`);
    if (text === 'die') process.kill(process.pid, 'SIGKILL');
  },
});
