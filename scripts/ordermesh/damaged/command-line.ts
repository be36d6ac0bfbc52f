import { readArgs, UsageError } from '../cli.ts';

export type Command =
  | { readonly name: 'list' }
  | { readonly name: 'skip'; readonly place: Place; readonly note: string };

/** The place of a damaged event or task. */
export type Place =
  | { readonly of: 'log'; readonly topic: string; readonly partition: number; readonly offset: bigint }
  | { readonly of: 'queue'; readonly seq: bigint };

export const usage = `list                            list damaged events and tasks in the embedded log and queue (default)
skip <place> --note="<why>"     give up what is damaged at this place, so the events and tasks after it can be delivered

<place> is <topic>/<partition>/<offset> or task/<number>, as printed by list. The mesh must be stopped.
DATA_DIR, EVENTS_URL and TASKS_URL locate the data, as for the mesh.`;

/** Parses the arguments. Throws a UsageError if they are invalid. */
export function readCommand(args: string[]): Command {
  const { values, positionals } = readArgs(args, { note: { type: 'string' } });
  const [name = 'list', ...rest] = positionals;
  if (name === 'list' && rest.length === 0) return { name };
  if (name !== 'skip') throw new UsageError(`unknown command ${positionals.join(' ')}`);
  const [place, ...others] = rest;
  if (place === undefined) throw new UsageError('skip requires a place');
  if (others.length > 0)
    throw new UsageError(`skip takes one place; unexpected ${others.join(' ')}: put a note of several words in quotes`);
  if (!values.note) throw new UsageError('skip requires --note with the reason');
  return { name, place: readPlace(place), note: values.note };
}

function readPlace(text: string): Place {
  const [, seq] = /^task\/(\d+)$/.exec(text) ?? [];
  if (seq !== undefined) return { of: 'queue', seq: BigInt(seq) };
  const [, topic, partition, offset] = /^(.+)\/(\d+)\/(\d+)$/.exec(text) ?? [];
  if (topic === undefined) throw new UsageError(`${text} is not a valid place`);
  return { of: 'log', topic, partition: Number(partition), offset: BigInt(offset ?? '') };
}
