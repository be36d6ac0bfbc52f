import { runApp } from '../../../mesh/app/run-app.ts';
import { localOpsService } from '../../../services/ops/service.ts';
import { createReaderService } from '../../../services/ops/testing/reader-service.ts';
import { createStuckService } from '../../../services/ops/testing/stuck-service.ts';
import { createWatchedService } from '../../../services/ops/testing/watched-service.ts';

/**
 * A process with one of the services in which work gets stuck: `stuck` or `bank`. `stuck-main.ts stuck <keys>` begins a saga
 * that gets parked and adds a dead event with each key. SIGUSR2 heals `stuck`.
 */
const [name = '', ...keys] = process.argv.slice(2);
const stuck = createStuckService();
process.on('SIGUSR2', () => {
  stuck.healed = true;
});
const definitions = {
  stuck: [stuck.definition],
  bank: [createWatchedService('bank', ['balances']).definition, createReaderService().definition],
}[name];
await runApp(definitions ?? [], { always: [localOpsService] });
if (keys.length > 0) await stuck.beginSaga('01900000-0000-7000-8000-000000000001');
for (const key of keys) await stuck.addDeadEvent(key);
