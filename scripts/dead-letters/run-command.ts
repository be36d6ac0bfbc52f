import type { Client } from 'nice-grpc';
import {
  type DeadLetterFailure,
  type DeadLetterFilter,
  type DeadLetterServiceDefinition,
  DeadLetterSource,
} from '../../gen/ts/ops/v1/ops.ts';
import { type Command, usage } from './command-line.ts';
import { letterLines, letterTable, printable } from './letter-text.ts';

/** What a command works with. */
export interface CommandContext {
  readonly deadLetters: Client<DeadLetterServiceDefinition>;
  readonly print: (line: string) => void;
}

/** What became of some letters. */
interface Outcome {
  readonly doneIds: readonly string[];
  readonly missingIds: readonly string[];
  readonly failures: readonly DeadLetterFailure[];
  readonly leftIds: readonly string[];
}

const mostListed = 1_000;
// What a call hands out again within some seconds.
const idsPerCall = 500;
// Longer than the server gives itself for any of these calls.
const timeoutMs = 70_000;

/** Does what was asked for, and prints what became of it. Resolves with false when it was not done for all. */
export async function runCommand(command: Command, { deadLetters, print }: CommandContext): Promise<boolean> {
  switch (command.name) {
    case 'help':
      print(usage.trimEnd());
      return true;
    case 'list':
      return await list(command.filter, { deadLetters, print });
    case 'show':
      for (const line of letterLines(await deadLetters.getDeadLetter({ id: command.id }, inTime()))) print(line);
      return true;
    case 'redrive': {
      const { which, dryRun } = command;
      const ids = 'source' in which ? await idsOf(deadLetters, which) : which;
      return await changeAll(ids, dryRun ? 'would be redriven' : 'redriven', print, async (some) => {
        const { redrivenIds, ...others } = await deadLetters.redriveDeadLetters({ ids: some, dryRun }, inTime());
        return { ...others, doneIds: redrivenIds };
      });
    }
    case 'discard':
      return await changeAll(command.ids, 'discarded', print, async (ids) => {
        const request = { ids, note: command.note };
        const { discardedIds, ...others } = await deadLetters.discardDeadLetters(request, inTime());
        return { ...others, doneIds: discardedIds, leftIds: [] };
      });
  }
}

async function list(filter: DeadLetterFilter, { deadLetters, print }: CommandContext): Promise<boolean> {
  const letters = await Array.fromAsync(deadLetters.listDeadLetters({ filter, limit: mostListed + 1 }, inTime()));
  if (letters.length === 0) print(noneText(filter));
  else for (const line of letterTable(letters.slice(0, mostListed))) print(line);
  if (letters.length > mostListed) print(`there are more than these ${mostListed}: ask for some with a filter`);
  return true;
}

function noneText({ source, origin, reason }: DeadLetterFilter): string {
  const isFiltered = source !== DeadLetterSource.DEAD_LETTER_SOURCE_UNSPECIFIED || origin !== '' || reason !== '';
  return isFiltered ? 'no dead letter meets this filter' : 'there are no dead letters';
}

async function idsOf(deadLetters: CommandContext['deadLetters'], filter: DeadLetterFilter): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of deadLetters.listDeadLetters({ filter }, inTime())) ids.push(id);
  return ids;
}

/** Goes through all ids, each once, in calls that the server can answer in time. */
async function changeAll(
  ids: readonly string[],
  done: string,
  print: CommandContext['print'],
  change: (ids: string[]) => Promise<Outcome>,
): Promise<boolean> {
  const waiting = [...ids];
  let [doneCount, problemCount] = [0, 0];
  while (waiting.length > 0) {
    const { doneIds, missingIds, failures, leftIds } = await change(waiting.splice(0, idsPerCall));
    for (const id of doneIds) print(`${id} ${done}`);
    for (const id of missingIds) print(`${id} missing: it was redriven or discarded, or never was`);
    for (const { id, reason, message } of failures) print(`${id} failed: ${reason}: ${printable(message)}`);
    doneCount += doneIds.length;
    problemCount += missingIds.length + failures.length;
    waiting.unshift(...leftIds);
  }
  print(`${doneCount} ${done}, ${problemCount} not`);
  return problemCount === 0;
}

function inTime(): { readonly signal: AbortSignal } {
  return { signal: AbortSignal.timeout(timeoutMs) };
}
