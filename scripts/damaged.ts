import { readConfig } from '../mesh/config/config.ts';
import { MeshError } from '../mesh/errors/mesh-error.ts';
import { lockFolder } from '../mesh/storage/sqlite/folder-lock.ts';
import { createLogger } from '../mesh/telemetry/logger.ts';
import { readCommand, usage } from './damaged/command-line.ts';
import { findFiles } from './damaged/embedded-files.ts';
import { runCommand } from './damaged/run-command.ts';
import { exitCannotDo, UsageError } from './support/run-tool.ts';

// Lists what is damaged in the embedded log and queue of a stopped mesh, and gives it up one by one. Exits with 0 when
// nothing is damaged or what was asked for was skipped, with 1 when something is, with 2 when that could not be done.

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
  process.exitCode = exitCannotDo;
}

function describe(error: unknown): string {
  if (error instanceof UsageError) return `${error.message}\n\n${usage.trimEnd()}`;
  if (error instanceof MeshError) return error.message;
  return error instanceof Error ? String(error.stack) : String(error);
}
