import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Logger } from '../telemetry/logger.ts';

/**
 * Logs a warning if others than the owner may read or enter a folder. The folders of this process are made
 * for the owner alone.
 */
export function warnOfOpenFolder(folder: string, logger: Logger): void {
  const mode = statSync(folder, { throwIfNoEntry: false })?.mode;
  if (mode === undefined || (mode & 0o077) === 0) return;
  const fields = { folder, mode: (mode & 0o777).toString(8).padStart(4, '0'), fix: `chmod -R go= ${resolve(folder)}` };
  logger.warn(fields, 'other users of this machine can enter a folder with data');
}
