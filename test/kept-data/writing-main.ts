import { writeFileSync } from 'node:fs';
import { startApp } from '../../mesh/app/start-app.ts';
import { readConfig } from '../../mesh/config/config.ts';
import type { Storage } from '../../mesh/storage/storage.ts';
import { createLogger } from '../../mesh/telemetry/logger.ts';
import { onRuntime } from '../../mesh/testing/test-service.ts';
import { allServices } from '../../services/all.ts';
import { writeBadDay } from './bad-day.ts';
import type { Expectation } from './expectation.ts';
import { writeGoodDays } from './good-days.ts';
import { observe } from './observe.ts';
import { createTroubles } from './troubles.ts';

// All services in one process, like services/main.ts, with troubles on demand. `good <file>`: days without troubles, ended by
// a drain. `bad <file>`: a day with troubles, ended by SIGKILL. The file describes what was written.
const [day, file = ''] = process.argv.slice(2);
const troubles = createTroubles();
const storages = new Map<string, Storage>();
const config = readConfig(process.env, { settings: allServices.flatMap(({ settings }) => settings) });
const app = await startApp(
  config,
  allServices.map((service) =>
    onRuntime(service, (runtime) => {
      const troubled = troubles.on(runtime);
      const openStorage = async (name: string) => {
        const storage = await troubled.openStorage(name);
        storages.set(name, storage);
        return storage;
      };
      return { ...troubled, openStorage };
    }),
  ),
  createLogger(config.logLevel),
);
const writing = { runtime: app.runtime, troubles, storages };
const report = (expectation: Expectation) => writeFileSync(file, `${JSON.stringify(expectation)}\n`);
if (day === 'good') {
  await writeGoodDays(writing);
  report(await observe(writing, { ends: {}, redrivenEnds: {}, calls: [] }));
  await app.stop();
} else {
  await writeBadDay(writing, report);
  process.kill(process.pid, 'SIGKILL');
}
