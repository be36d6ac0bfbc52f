import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import { readConfig } from '../../../config/config.ts';

// The program that interrupted-start.test.ts kills before each of its steps: it opens two databases of a data folder.
const [folder = '', steps = ''] = process.argv.slice(2);
let left = Number(steps);

// biome-ignore lint/suspicious/noExplicitAny: it stands in for functions of every type.
function counted<F extends (...args: any[]) => unknown>(step: F): F {
  return function (this: unknown, ...args: unknown[]) {
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
    return step.apply(this, args);
  } as F;
}

fs.mkdirSync = counted(fs.mkdirSync);
fs.writeFileSync = counted(fs.writeFileSync);
fs.renameSync = counted(fs.renameSync);
fs.fsyncSync = counted(fs.fsyncSync);
syncBuiltinESMExports();
DatabaseSync.prototype.exec = counted(DatabaseSync.prototype.exec);
StatementSync.prototype.run = counted(StatementSync.prototype.run);
StatementSync.prototype.all = counted(StatementSync.prototype.all);

const { createLogger } = await import('../../../telemetry/logger.ts');
const { claimDataFolder } = await import('../data-folder.ts');
const { openDatabases } = await import('../open-databases.ts');

const { open } = openDatabases(claimDataFolder(folder), createLogger('silent'), readConfig({}));
for (const name of ['order', 'user']) await open(name, `sqlite:${join(folder, `${name}.db`)}`);
// As a crash, also at the end.
process.kill(process.pid, left > 0 ? 'SIGTERM' : 'SIGKILL');
