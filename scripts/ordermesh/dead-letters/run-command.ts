import type { Client } from 'nice-grpc';
import type { ActionServiceDefinition } from '#gen/ops/v1/action.ts';
import {
  DeadLetter,
  type DeadLetterClosing,
  type DeadLetterFailure,
  type DeadLetterFilter,
  type DeadLetterServiceDefinition,
  DeadLetterSource,
  DiscardDeadLettersResponse,
  RedriveDeadLettersResponse,
} from '#gen/ops/v1/ops.ts';
import { isNotServed } from '../../../examples/support/clients.ts';
import { withCommandsHere } from '../../../mesh/errors/commands-here.ts';
import { escapeControls } from '../../support/format.ts';
import { type Cli, count, printJson } from '../cli.ts';
import { messageToJson } from '../json.ts';
import type { Command } from './command-line.ts';
import { deadLetterTable, describeDeadLetter } from './dead-letter-text.ts';

export interface CommandContext {
  readonly actions: Client<ActionServiceDefinition>;
  readonly deadLetters: Client<DeadLetterServiceDefinition>;
  readonly cli: Cli;
}

interface Outcome {
  readonly doneIds: readonly string[];
  readonly missingIds: readonly string[];
  readonly failures: readonly DeadLetterFailure[];
  readonly leftIds: readonly string[];
}

const maxListed = 1_000;
// The server redrives 100 per second, so a call takes about five seconds.
const idsPerCall = 500;
// Longer than the server's own deadline for these calls.
const timeoutMs = 70_000;
/** What closes a dead letter has begun at most so long before, with some room for clocks that differ. */
const longestChangeMs = 300_000;

/** Runs a command and prints its result. Returns false if dead letters are listed, or some could not be changed. */
export async function runCommand(command: Command, context: CommandContext): Promise<boolean> {
  const { deadLetters, cli } = context;
  switch (command.name) {
    case 'list':
      return await list(command.filter, context);
    case 'show': {
      const found = await getWhole(deadLetters, command.id);
      if (cli.json) printJson(cli, 'DeadLetter', DeadLetter, found);
      else for (const line of describeDeadLetter(found, await closedBy(found.closing, context))) cli.print(line);
      return true;
    }
    case 'redrive': {
      const { which, dryRun, note: reason } = command;
      const ids = 'source' in which ? await idsOf(deadLetters, which) : which;
      return await changeAll(ids, dryRun ? 'would be redriven' : 'redriven', cli, async (some) => {
        const response = await deadLetters.redriveDeadLetters({ ids: some, dryRun, reason }, withTimeout());
        const json = () => messageToJson('ops.v1.RedriveDeadLettersResponse', RedriveDeadLettersResponse, response);
        if (cli.json) cli.print(JSON.stringify({ ...json(), dryRun }));
        const { redrivenIds, ...others } = response;
        return { ...others, doneIds: redrivenIds };
      });
    }
    case 'discard':
      return await changeAll(command.ids, 'discarded', cli, async (ids) => {
        const request = { ids, note: command.note };
        const response = await deadLetters.discardDeadLetters(request, withTimeout());
        if (cli.json) printJson(cli, 'DiscardDeadLettersResponse', DiscardDeadLettersResponse, response);
        const { discardedIds, ...others } = response;
        return { ...others, doneIds: discardedIds, leftIds: [] };
      });
  }
}

/** Returns who closed a dead letter, as the record of operators' actions has it; empty if that has nobody. */
async function closedBy(closing: DeadLetterClosing | undefined, { actions }: CommandContext): Promise<string> {
  const { requestId = '', time } = closing ?? {};
  if (requestId === '' || time === undefined) return '';
  // Ids of actions begin with the time of their beginning, in milliseconds.
  const hex = (time.getTime() - longestChangeMs).toString(16).padStart(12, '0');
  const request = { afterId: `${hex.slice(0, 8)}-${hex.slice(8)}`, limit: maxListed };
  try {
    for await (const action of actions.listOperatorActions(request, withTimeout()))
      if (action.requestId === requestId) return `${action.subject} (${action.roles.join(', ')})`;
  } catch (error) {
    // A mesh of an earlier version.
    if (!isNotServed(error)) throw error;
  }
  return '';
}

/** Gets a dead letter with its complete payload, of which a response has only a part if it is large. */
async function getWhole(deadLetters: CommandContext['deadLetters'], id: string): Promise<DeadLetter> {
  const first = await deadLetters.getDeadLetter({ id }, withTimeout());
  const parts = [first.payload];
  let bytes = first.payload.length;
  while (bytes < first.payloadSize) {
    const { payload } = await deadLetters.getDeadLetter({ id, payloadOffset: BigInt(bytes) }, withTimeout());
    if (payload.length === 0) break;
    parts.push(payload);
    bytes += payload.length;
  }
  return { ...first, payload: Buffer.concat(parts) };
}

async function list(filter: DeadLetterFilter, { deadLetters, cli }: CommandContext): Promise<boolean> {
  const { print } = cli;
  if (cli.json) {
    let isEmpty = true;
    for await (const each of deadLetters.listDeadLetters({ filter }, withTimeout())) {
      isEmpty = false;
      printJson(cli, 'DeadLetter', DeadLetter, each);
    }
    return isEmpty;
  }
  const found = await Array.fromAsync(deadLetters.listDeadLetters({ filter, limit: maxListed + 1 }, withTimeout()));
  if (found.length === 0) print(noneText(filter));
  else for (const line of deadLetterTable(found.slice(0, maxListed))) print(line);
  if (found.length > maxListed) print(`only the first ${maxListed} are shown: use a filter to see others`);
  return found.length === 0;
}

function noneText({ source, origin, reason }: DeadLetterFilter): string {
  const isFiltered = source !== DeadLetterSource.DEAD_LETTER_SOURCE_UNSPECIFIED || origin !== '' || reason !== '';
  return isFiltered ? 'no dead letter matches this filter' : 'no dead letters';
}

async function idsOf(deadLetters: CommandContext['deadLetters'], filter: DeadLetterFilter): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of deadLetters.listDeadLetters({ filter }, withTimeout())) ids.push(id);
  return ids;
}

/**
 * Changes each id once, in calls small enough for the server to finish in time. Ends when a call reaches none of its ids, so
 * a server that cannot keep up does not hold it forever. What becomes a dead letter meanwhile is left for the next run.
 */
async function changeAll(
  ids: readonly string[],
  done: string,
  cli: Cli,
  change: (ids: string[]) => Promise<Outcome>,
): Promise<boolean> {
  const print = cli.json ? () => undefined : cli.print;
  const waiting = [...ids];
  let [doneCount, problemCount] = [0, 0];
  while (waiting.length > 0) {
    const ids = waiting.splice(0, idsPerCall);
    const { doneIds, missingIds, failures, leftIds } = await change(ids);
    for (const id of doneIds) print(`${id} ${done}`);
    for (const id of missingIds)
      print(`${id} not open: already redriven or discarded, or never existed; "show ${id}" shows which`);
    for (const { id, reason, message } of failures)
      print(`${id} failed: ${reason}: ${escapeControls(withCommandsHere(message))}`);
    doneCount += doneIds.length;
    problemCount += missingIds.length + failures.length;
    waiting.unshift(...leftIds);
    if (leftIds.length < ids.length) continue;
    problemCount += waiting.length;
    print(
      `${count(waiting.length, 'dead letter')} not reached: the mesh is busy with other redrives; run this again later`,
    );
    break;
  }
  print(`${doneCount} ${done}, ${problemCount} not`);
  return problemCount === 0;
}

function withTimeout(): { readonly signal: AbortSignal } {
  return { signal: AbortSignal.timeout(timeoutMs) };
}
