import { checkTimedOut, isRefusal, MeshError, mergeById, Status } from '#mesh';
import { processUnreachable } from '../errors.ts';
import type { OpsPart, PartCall } from '../ops-part.ts';
import { labelOf, type PartGroup } from '../remote/find-parts.ts';

/** A group of which no process answered. */
export interface Unanswered {
  /** The names of its services in discovery: `order`, or `order,payment`. */
  readonly services: string;
  /** `order@127.0.0.1:21051`, or `order` if it has no instance. */
  readonly label: string;
  readonly why: string;
  readonly parts: readonly OpsPart[];
}

/** Notes a group of which no process answered. */
export type NoteUnanswered = (unanswered: Unanswered) => void;

/** The answer of a process. */
export interface Answered<T> {
  readonly group: PartGroup;
  readonly part: OpsPart;
  readonly answer: T;
}

/**
 * Asks the processes of a group one after the other, until one answers. `undefined`: they do not serve `ops.v1`. Throws
 * refusals, and what `signal` aborts with.
 */
async function askGroup<T>(
  group: PartGroup,
  signal: AbortSignal,
  ask: (part: OpsPart) => Promise<T>,
): Promise<Answered<T> | Unanswered | undefined> {
  const failures: unknown[] = [];
  for (const part of group.parts) {
    try {
      return { group, part, answer: await ask(part) };
    } catch (error) {
      if (isFinal(group, part, error, signal)) throw error;
      failures.push(error);
    }
  }
  return await unansweredBy(group, failures, signal);
}

/** Returns the answer of one process of a group. Throws UNAVAILABLE `PROCESS_UNREACHABLE` if none answers. */
export async function askOne<T>(group: PartGroup, signal: AbortSignal, ask: (part: OpsPart) => Promise<T>): Promise<T> {
  const outcome = await askGroup(group, signal, ask);
  if (outcome && 'part' in outcome) return outcome.answer;
  throw unreachable([
    outcome ?? { services: group.name, label: group.name, why: notServed.message, parts: group.parts },
  ]);
}

/** Asks all groups in parallel. Returns the answers, in the order of the groups. */
export async function askAll<T>(
  groups: readonly PartGroup[],
  signal: AbortSignal,
  ask: (part: OpsPart) => Promise<T>,
  note: NoteUnanswered,
): Promise<Answered<T>[]> {
  const outcomes = await Promise.all(groups.map((group) => askGroup(group, signal, ask)));
  return outcomes.flatMap((outcome) => {
    if (outcome && 'part' in outcome) return [outcome];
    if (outcome) note(outcome);
    return [];
  });
}

/** Stands for a group without an answer. */
const notServed = new Error('no process of the group serves ops.v1');

/**
 * Finds what one of the groups has, and which process answered. `ask` rejects with NOT_FOUND where it is not. Throws the
 * first of these refusals if it is nowhere, and UNAVAILABLE `PROCESS_UNREACHABLE` if it may be in a group that did not answer.
 */
export async function findInGroups<T>(
  groups: readonly PartGroup[],
  signal: AbortSignal,
  ask: (part: OpsPart) => Promise<T>,
): Promise<Answered<T>> {
  const unanswered: Unanswered[] = [];
  const asked = groups.map(async (group) => {
    const outcome = await askGroup(group, signal, ask);
    if (outcome && 'part' in outcome) return outcome;
    if (outcome) unanswered.push(outcome);
    throw notServed;
  });
  try {
    return await Promise.any(asked);
  } catch (error) {
    const failures: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
    const refusals = failures.filter((failure) => failure !== notServed);
    const other = refusals.find((failure) => !isNotFound(failure));
    if (other !== undefined) throw other;
    throw unanswered.length > 0 ? unreachable(unanswered) : refusals[0];
  }
}

/** Lists what the groups have in id order, each element once. A process that is lost is continued by another of its group. */
export async function* listGroups<T extends { readonly id: string }>(
  groups: readonly PartGroup[],
  afterId: string,
  signal: AbortSignal,
  list: (part: OpsPart, afterId: string) => AsyncIterable<T>,
  note: NoteUnanswered,
): AsyncGenerator<{ readonly id: string; readonly part: OpsPart; readonly element: T }, void, undefined> {
  let last: string | undefined;
  for await (const found of mergeById(groups.map((group) => listGroup(group, afterId, signal, list, note)))) {
    // Processes with some services in common list those twice.
    if (found.id === last) continue;
    last = found.id;
    yield found;
  }
}

async function* listGroup<T extends { readonly id: string }>(
  group: PartGroup,
  afterId: string,
  signal: AbortSignal,
  list: (part: OpsPart, afterId: string) => AsyncIterable<T>,
  note: NoteUnanswered,
): AsyncGenerator<{ readonly id: string; readonly part: OpsPart; readonly element: T }, void, undefined> {
  let last = afterId;
  const failures: unknown[] = [];
  for (const part of group.parts) {
    try {
      for await (const element of list(part, last)) {
        last = element.id;
        yield { id: element.id, part, element };
      }
      return;
    } catch (error) {
      if (isFinal(group, part, error, signal)) throw error;
      failures.push(error);
    }
  }
  const unanswered = await unansweredBy(group, failures, signal);
  if (unanswered) note(unanswered);
}

/** UNAVAILABLE `PROCESS_UNREACHABLE`. */
export function unreachable(unanswered: readonly Unanswered[]): MeshError {
  const processes = unanswered.map(({ label }) => label).join(', ');
  return processUnreachable({ processes, why: [...new Set(unanswered.map(({ why }) => why))].join('; ') });
}

/** Why a process did not answer. */
export function whyOf(error: unknown): string {
  if (!(error instanceof MeshError)) return error instanceof Error ? error.message : String(error);
  if (error.code === Status.DEADLINE_EXCEEDED || error.reason === checkTimedOut.reason) return 'no answer in time';
  return error.message;
}

/** Whether another process would not answer differently, or nobody waits for that. */
function isFinal({ isOnly = false }: PartGroup, part: OpsPart, error: unknown, signal: AbortSignal): boolean {
  if (signal.aborted || isOnly) return true;
  if (error instanceof MeshError && isRefusal(error)) return true;
  // What this process lacks, such as its broker, must not hide what the others have. A bug is thrown on.
  return part.remote === undefined && (!(error instanceof MeshError) || isNotServed(error));
}

function isNotFound(error: unknown): boolean {
  return error instanceof MeshError && error.code === Status.NOT_FOUND;
}

/** `undefined`: the processes answered that they do not serve `ops.v1`, so they are no processes of ordermesh. */
async function unansweredBy(
  { name, parts, isUnanswered }: PartGroup,
  failures: readonly unknown[],
  signal: AbortSignal,
): Promise<Unanswered | undefined> {
  if (parts.length === 0)
    return {
      services: name,
      label: name,
      why: isUnanswered ? 'the registry has not answered yet' : 'no instance',
      parts,
    };
  const label = parts.map(({ remote }) => (remote ? labelOf(remote) : name)).join(', ');
  if (failures.every(isNotServed)) {
    const call: PartCall = { signal, peer: '', remainingMs: () => Number.POSITIVE_INFINITY };
    const serving = await Promise.all(parts.map((part) => part.servesOps(call).catch(() => false)));
    return serving.includes(true) ? { services: name, label, why: 'an older version: update it', parts } : undefined;
  }
  const why = [...new Set(failures.map(whyOf))].join('; ');
  return { services: name, label, why, parts };
}

/** Whether a process does not serve `ops.v1`. */
export function isNotServed(error: unknown): boolean {
  return error instanceof MeshError && error.code === Status.UNIMPLEMENTED;
}
