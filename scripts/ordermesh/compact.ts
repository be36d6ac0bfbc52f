import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { exitCode } from '../../examples/support/failures.ts';
import { ConfigError, readConfig } from '../../mesh/config/config.ts';
import { withCommandsHere } from '../../mesh/errors/commands-here.ts';
import { messageOf } from '../../mesh/errors/error-text.ts';
import { MeshError } from '../../mesh/errors/mesh-error.ts';
import { lockFolder } from '../../mesh/storage/sqlite/folder-lock.ts';
import { type Command, CommandError, readArgs, UsageError } from './cli.ts';

/**
 * Gives the free pages of the SQLite files of a stopped mesh back to the disk. From then on the mesh does that by itself; only
 * files that an earlier version created need it.
 */
export const compactCommand: Command = {
  name: 'compact',
  summary: 'give the free space in the files of a stopped mesh back to the disk',
  usage: '(no arguments)',
  async run(args, cli) {
    if (readArgs(args, {}).positionals.length > 0) throw new UsageError('compact takes no arguments');
    try {
      const { dataDir } = readConfig(process.env);
      const files = filesIn(dataDir).filter((name) => name.endsWith('.db'));
      if (files.length === 0)
        throw new UsageError(`${dataDir} has no SQLite files: set DATA_DIR to the data folder of the mesh`);
      const unlock = lockFolder(dataDir);
      try {
        for (const file of files.toSorted()) {
          const sizes = compact(join(dataDir, file));
          cli.print(
            cli.json
              ? JSON.stringify({ file, ...sizes })
              : `${file}: ${megabytes(sizes.bytesBefore)} -> ${megabytes(sizes.bytesAfter)}`,
          );
        }
      } finally {
        unlock();
      }
    } catch (error) {
      if (error instanceof MeshError || error instanceof ConfigError)
        throw new CommandError(withCommandsHere(error.message), exitCode.usage);
      throw error;
    }
    return exitCode.done;
  },
};

function filesIn(folder: string): string[] {
  try {
    return existsSync(folder) ? readdirSync(folder) : [];
  } catch (error) {
    throw new UsageError(`${messageOf(error)}: set DATA_DIR to the data folder of the mesh`);
  }
}

function compact(path: string): { readonly bytesBefore: number; readonly bytesAfter: number } {
  const bytesBefore = statSync(path).size;
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA auto_vacuum = INCREMENTAL; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)');
  } catch (error) {
    const text = `${path} cannot be compacted, its content is unchanged: ${messageOf(error)}`;
    throw new CommandError(
      `${text}; it needs as much free disk as the file has, and a file that is not damaged`,
      exitCode.usage,
    );
  } finally {
    database.close();
  }
  return { bytesBefore, bytesAfter: statSync(path).size };
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
