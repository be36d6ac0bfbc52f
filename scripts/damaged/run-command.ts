import { existsSync } from 'node:fs';
import type { Config } from '../../mesh/config/config.ts';
import { type LogRepair, openLogRepair } from '../../mesh/events/embedded/repair.ts';
import type { Logger } from '../../mesh/telemetry/logger.ts';
import { UsageError } from '../support/run-tool.ts';
import type { Command } from './command-line.ts';

export interface CommandContext {
  readonly config: Config;
  readonly logger: Logger;
  readonly print: (line: string) => void;
}

/** Runs a command and returns the exit code: 1 when something is damaged. */
export async function runCommand(
  command: Exclude<Command, { name: 'help' }>,
  context: CommandContext,
): Promise<number> {
  await using log = await openLog(context);
  if (command.name === 'list') return await list(log, context);
  const { place, note } = command;
  if (log === undefined) throw new UsageError('there is no embedded log here: see EVENTS_URL and DATA_DIR');
  const skipped = await log.skip(place.topic, place.partition, place.offset, note);
  context.print(`skipped ${skipped} at ${place.topic}/${place.partition}/${place.offset}; start the mesh again`);
  return 0;
}

async function list(log: LogRepair | undefined, { print }: CommandContext): Promise<number> {
  let found = 0;
  for await (const { partition, from, to, error } of log?.damage() ?? []) {
    found += 1;
    const more = to !== undefined && to > from + 1n ? ` (${to - from} offsets)` : '';
    print(`${partition.topic}/${partition.number}/${from}${more}: ${error.message}`);
  }
  if (found === 0) print('nothing is damaged');
  return found === 0 ? 0 : 1;
}

async function openLog({ config, logger }: CommandContext): Promise<LogRepair | undefined> {
  const file = embeddedFile(config.eventsUrl);
  return file === undefined ? undefined : await openLogRepair(file, logger);
}

/** The file of an embedded log or queue, where there is one: opening it would make it. */
function embeddedFile(url: string): string | undefined {
  const path = url.startsWith('embedded:') ? url.slice('embedded:'.length) : undefined;
  return path !== undefined && existsSync(path) ? path : undefined;
}
