import { existsSync } from 'node:fs';
import { exitCode } from '../../../examples/support/failures.ts';
import { type Config, ConfigError, readConfig } from '../../../mesh/config/config.ts';
import { withCommandsHere } from '../../../mesh/errors/commands-here.ts';
import { MeshError } from '../../../mesh/errors/mesh-error.ts';
import { lockFolder } from '../../../mesh/storage/sqlite/folder-lock.ts';
import { createLogger } from '../../../mesh/telemetry/logger.ts';
import { type Command, CommandError, UsageError } from '../cli.ts';
import { readCommand, usage } from './command-line.ts';
import { type EmbeddedFiles, runCommand } from './run-command.ts';

/**
 * Lists damaged events and tasks in the embedded log and queue of a stopped mesh, and skips them one by one. Exits with 1 if
 * something is damaged.
 */
export const damagedCommand: Command = {
  name: 'damaged',
  summary: 'list damaged events and tasks of a stopped mesh, or skip one',
  usage,
  async run(args, cli) {
    const command = readCommand(args);
    try {
      const config = readConfig(process.env);
      const files = findFiles(config);
      const unlock = lockFolder(config.dataDir);
      try {
        return await runCommand(command, { files, logger: createLogger('warn'), cli });
      } finally {
        unlock();
      }
    } catch (error) {
      if (error instanceof MeshError || error instanceof ConfigError)
        throw new CommandError(withCommandsHere(error.message), exitCode.usage);
      throw error;
    }
  },
};

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
