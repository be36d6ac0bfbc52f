import { type ExitCode, exitCode } from '../../../examples/support/failures.ts';
import { withCommandsHere } from '../../../mesh/errors/commands-here.ts';
import { type LogRepair, openLogRepair } from '../../../mesh/events/embedded/repair/repair.ts';
import { openQueueRepair, type QueueRepair } from '../../../mesh/tasks/embedded/repair.ts';
import { taskDamaged } from '../../../mesh/tasks/errors.ts';
import type { Logger } from '../../../mesh/telemetry/logger.ts';
import { type Cli, UsageError } from '../cli.ts';
import type { Command, Place } from './command-line.ts';

/** The files of the embedded log and queue. Undefined if the file does not exist or a broker is used instead. */
export interface EmbeddedFiles {
  readonly log: string | undefined;
  readonly queue: string | undefined;
  /** Files that the settings name but that do not exist. */
  readonly missing: readonly string[];
}

export interface CommandContext {
  readonly files: EmbeddedFiles;
  readonly logger: Logger;
  readonly cli: Cli;
}

interface Repairs {
  readonly files: EmbeddedFiles;
  readonly log: LogRepair | undefined;
  readonly queue: QueueRepair | undefined;
}

/** Runs a command. Returns the exit code. */
export async function runCommand(command: Command, { files, logger, cli }: CommandContext): Promise<ExitCode> {
  await using log = files.log === undefined ? undefined : await openLogRepair(files.log, logger);
  await using queue = files.queue === undefined ? undefined : await openQueueRepair(files.queue);
  if (command.name === 'list') return await list({ files, log, queue }, cli);
  cli.print(`${await skip({ files, log, queue }, command.place, command.note)}; start the mesh again`);
  return exitCode.done;
}

async function list({ files, log, queue }: Repairs, cli: Cli): Promise<ExitCode> {
  const print = cli.json ? () => undefined : cli.print;
  const show = (place: string, more: string, text: string) => {
    found += 1;
    const message = withCommandsHere(text);
    cli.print(cli.json ? JSON.stringify({ place, message }) : `${place}${more}: ${message}`);
  };
  for (const file of files.missing) print(`${file} does not exist`);
  let found = 0;
  for await (const { partition, from, to, error } of log?.damage() ?? []) {
    const more = to !== undefined && to > from + 1n ? ` (${to - from} offsets)` : '';
    show(`${partition.topic}/${partition.number}/${from}`, more, error.message);
  }
  for (const task of (await queue?.damage()) ?? []) {
    show(`task/${task.seq}`, '', taskDamaged({ ...task, file: String(files.queue) }).message);
  }
  const searched = [files.log, files.queue].filter((file) => file !== undefined);
  if (found === 0) print(`no damage found in ${searched.join(' and ')}`);
  return found === 0 ? exitCode.done : exitCode.attention;
}

/** Skips a damaged place and describes what was skipped. */
async function skip({ files, log, queue }: Repairs, place: Place, note: string): Promise<string> {
  if (place.of === 'queue') {
    if (queue === undefined) throw new UsageError('no embedded queue found: check TASKS_URL and DATA_DIR');
    await queue.skip(place.seq, note);
    return `skipped task/${place.seq}; its data is kept in the table damaged_task of ${files.queue}`;
  }
  if (log === undefined) throw new UsageError('no embedded log found: check EVENTS_URL and DATA_DIR');
  const { topic, partition, offset } = place;
  const count = await log.skip(topic, partition, offset, note);
  const events = count === 1 ? '1 event' : `${count} events`;
  const data = count === 1 ? 'its data is' : 'their data is';
  return `skipped ${events} at ${topic}/${partition}/${offset}; ${data} kept in the table skipped_record of ${files.log}`;
}
