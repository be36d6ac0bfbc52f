// Publishes forever, many at a time, and prints what was acknowledged: `<partition> <offset> <text>`.

import { createLogger } from '../../telemetry/logger.ts';
import { systemClock } from '../../time/clock.ts';
import { openEmbeddedLog } from '../embedded/embedded-log.ts';

const [path = '', topic = ''] = process.argv.slice(2);
const log = await openEmbeddedLog(path, { clock: systemClock, logger: createLogger('silent') });
await log.ensureTopic(topic, { partitions: 3 });

async function publishInOrder(key: string): Promise<void> {
  for (let count = 0; ; count++) {
    const text = `${key}/${count}`;
    const event = { topic, key, headers: {}, value: Buffer.from(text), timeMs: Date.now() };
    const [position] = await log.publish([event]);
    process.stdout.write(`${position?.partition} ${position?.offset} ${text}\n`);
  }
}

await Promise.all(Array.from({ length: 16 }, (_, index) => publishInOrder(`key-${index}`)));
