import { existsSync } from 'node:fs';
import { type Config, readConfig } from '../mesh/config/config.ts';
import { MeshError } from '../mesh/errors/mesh-error.ts';
import { lockFolder } from '../mesh/storage/sqlite/folder-lock.ts';
import { createLogger } from '../mesh/telemetry/logger.ts';
import { readCommand, usage } from './damaged/command-line.ts';
import { type EmbeddedFiles, runCommand } from './damaged/run-command.ts';
import { exitFailed, UsageError } from './support/run-tool.ts';

// Lists damaged events and tasks in the embedded log and queue of a stopped mesh, and skips them one by one. Exits with 0
// if nothing is damaged or the skip succeeded, with 1 if something is damaged, and with 2 if it failed.

try {
  const command = readCommand(process.argv.slice(2));
  if (command.name === 'help') console.log(usage.trimEnd());
  else {
    const config = readConfig(process.env);
    const files = findFiles(config);
    const unlock = lockFolder(config.dataDir);
    try {
      process.exitCode = await runCommand(command, { files, logger: createLogger('warn'), print: console.log });
    } finally {
      unlock();
    }
  }
} catch (error) {
  process.stderr.write(`${describe(error)}\n`);
  process.exitCode = exitFailed;
}

/** Finds the files without creating any. Throws a UsageError if there are none. */
function findFiles({ eventsUrl, tasksUrl }: Config): EmbeddedFiles {
  const named = [embeddedFile(eventsUrl), embeddedFile(tasksUrl)];
  const [log, queue] = named.map((file) => (file !== undefined && existsSync(file) ? file : undefined));
  const missing = named.filter((file) => file !== undefined).filter((file) => !existsSync(file));
  if (log !== undefined || queue !== undefined) return { log, queue, missing };
  if (missing.length === 0)
    throw new UsageError('EVENTS_URL and TASKS_URL name brokers: only an embedded log or queue can be checked');
  throw new UsageError(`${missing.join(' and ')} not found: set DATA_DIR to the data folder of the mesh`);
}

function embeddedFile(url: string): string | undefined {
  return url.startsWith('embedded:') ? url.slice('embedded:'.length) : undefined;
}

function describe(error: unknown): string {
  if (error instanceof UsageError) return `${error.message}\n\n${usage.trimEnd()}`;
  if (error instanceof MeshError) return error.message;
  return error instanceof Error ? String(error.stack) : String(error);
}
