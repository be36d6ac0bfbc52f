import { existsSync } from 'node:fs';
import type { Config } from '../../mesh/config/config.ts';
import { UsageError } from '../support/run-tool.ts';

/** The files of the embedded log and queue that are there. */
export interface EmbeddedFiles {
  readonly log: string | undefined;
  readonly queue: string | undefined;
  /** Those that the settings name and that are not there. */
  readonly missing: readonly string[];
}

/** Finds the files; it makes nothing. Throws a UsageError when there is none. */
export function findFiles({ eventsUrl, tasksUrl }: Config): EmbeddedFiles {
  const named = [embeddedFile(eventsUrl), embeddedFile(tasksUrl)];
  const [log, queue] = named.map((file) => (file !== undefined && existsSync(file) ? file : undefined));
  const missing = named.filter((file) => file !== undefined).filter((file) => !existsSync(file));
  if (log !== undefined || queue !== undefined) return { log, queue, missing };
  if (missing.length === 0)
    throw new UsageError('EVENTS_URL and TASKS_URL name servers: only an embedded log or queue can be looked at');
  throw new UsageError(`there is no ${missing.join(' and no ')}: set DATA_DIR to the data folder of the mesh`);
}

function embeddedFile(url: string): string | undefined {
  return url.startsWith('embedded:') ? url.slice('embedded:'.length) : undefined;
}
