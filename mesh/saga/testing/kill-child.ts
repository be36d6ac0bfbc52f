// A process that begins a saga in `<folder>/saga.db` and is killed while it runs.
import { openStorage } from '../../storage/open.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { systemClock } from '../../time/clock.ts';
import { createSagaEngine } from '../engine.ts';
import { createFileSaga, type KillPoint } from './kill-saga.ts';

const [folder = '', ending, killAt] = process.argv.slice(2);
const definition = createFileSaga(folder, ending === 'completes' ? ending : 'compensates', killAt as KillPoint);
const storage = await openStorage(`sqlite:${folder}/saga.db`);
const logger = createLogger('silent');
const engine = await createSagaEngine({
  service: 'test',
  storage,
  definitions: [definition],
  clock: systemClock,
  logger,
});
await engine.start();
await storage.transaction((tx) => engine.begin(tx, definition, { id: 'saga-1', data: { total: 1n, trail: '' } }));
// Nothing else keeps the process alive until it is killed; without a kill it exits with 0.
await new Promise((resolve) => setTimeout(resolve, 10_000));
