import { existsSync } from 'node:fs';
import type { Config } from '../../mesh/config/config.ts';
import { type LogRepair, openLogRepair } from '../../mesh/events/embedded/repair.ts';
import { openQueueRepair, type QueueRepair } from '../../mesh/tasks/embedded/repair.ts';
import type { Logger } from '../../mesh/telemetry/logger.ts';
import { UsageError } from '../support/run-tool.ts';
import type { Command, Place } from './command-line.ts';

export interface CommandContext {
  readonly config: Config;
  readonly logger: Logger;
  readonly print: (line: string) => void;
}

interface Repairs {
  readonly log: LogRepair | undefined;
  readonly queue: QueueRepair | undefined;
}

/** Runs a command and returns the exit code: 1 when something is damaged. */
export async function runCommand(
  command: Exclude<Command, { name: 'help' }>,
  context: CommandContext,
): Promise<number> {
  const { config, logger, print } = context;
  const [logFile, queueFile] = [embeddedFile(config.eventsUrl), embeddedFile(config.tasksUrl)];
  await using log = logFile === undefined ? undefined : await openLogRepair(logFile, logger);
  await using queue = queueFile === undefined ? undefined : await openQueueRepair(queueFile);
  if (command.name === 'list') return await list({ log, queue }, print);
  print(`${await skip({ log, queue }, command.place, command.note)}; start the mesh again`);
  return 0;
}

async function list({ log, queue }: Repairs, print: (line: string) => void): Promise<number> {
  let found = 0;
  for await (const { partition, from, to, error } of log?.damage() ?? []) {
    found += 1;
    const more = to !== undefined && to > from + 1n ? ` (${to - from} offsets)` : '';
    print(`${partition.topic}/${partition.number}/${from}${more}: ${error.message}`);
  }
  for (const { seq, queue: name, id } of (await queue?.damage()) ?? []) {
    found += 1;
    print(`task/${seq}: task ${id} of ${name} is not as it was written`);
  }
  if (found === 0) print('nothing is damaged');
  return found === 0 ? 0 : 1;
}

/** Says what was skipped. */
async function skip({ log, queue }: Repairs, place: Place, note: string): Promise<string> {
  if (place.of === 'queue') {
    if (queue === undefined) throw new UsageError('there is no embedded queue here: see TASKS_URL and DATA_DIR');
    await queue.skip(place.seq, note);
    return `skipped task/${place.seq}`;
  }
  if (log === undefined) throw new UsageError('there is no embedded log here: see EVENTS_URL and DATA_DIR');
  const { topic, partition, offset } = place;
  return `skipped ${await log.skip(topic, partition, offset, note)} at ${topic}/${partition}/${offset}`;
}

/** The file of an embedded log or queue, where there is one: opening it would make it. */
function embeddedFile(url: string): string | undefined {
  const path = url.startsWith('embedded:') ? url.slice('embedded:'.length) : undefined;
  return path !== undefined && existsSync(path) ? path : undefined;
}
