import { Status } from 'nice-grpc';
import type { Answer, Caller } from './caller.ts';
import type { Participant } from './participant.ts';
import { NotChecked, type Rule, RuleBroken } from './rule.ts';
import { concurrencyRules } from './rules/concurrency.ts';
import { durabilityRules, type Restart } from './rules/durability.ts';
import { outcomeRules } from './rules/outcomes.ts';
import { requestRules } from './rules/requests.ts';
import { undoRules } from './rules/undo.ts';

/** What became of a rule. */
export interface RuleResult {
  readonly rule: string;
  readonly promise: string;
  readonly result: 'kept' | 'broken' | 'not checked';
  /** Why it is broken, or what it takes to check it. `actual` is empty if that is an option. */
  readonly expected: string;
  readonly actual: string;
  /** A text with ids of the order or item that broke it, if the other texts have none. */
  readonly about: string;
  /** The calls that were made for it. */
  readonly calls: readonly Answer[];
}

/** The rules for a participant, in the order in which they are checked. */
export function rulesOf(participant: Participant, restart?: Restart): Rule[] {
  const common = [...requestRules, ...undoRules, ...outcomeRules, ...concurrencyRules];
  return [...common, ...participant.rules, ...durabilityRules(restart)];
}

/** Checks every rule, one after another, and yields each result. */
export async function* verify(
  participant: Participant,
  { caller, restart }: { readonly caller: Caller; readonly restart?: Restart | undefined },
): AsyncGenerator<RuleResult> {
  const slow: Answer[] = [];
  for (const { name, promise, check } of rulesOf(participant, restart)) {
    caller.takeCalls();
    const outcome = await check(participant).then(
      () => ({ result: 'kept', expected: '', actual: '', about: '' }) as const,
      outcomeOf,
    );
    const calls = caller.takeCalls();
    slow.push(...calls.filter(({ code }) => code === Status.DEADLINE_EXCEEDED));
    yield { rule: name, promise: fillIn(promise, participant), ...outcome, calls };
  }
  yield inTime(slow);
}

function fillIn(promise: string, { run, undo, read }: Participant): string {
  return promise.replaceAll('{run}', run).replaceAll('{undo}', undo).replaceAll('{read}', read);
}

function outcomeOf(error: unknown): Pick<RuleResult, 'result' | 'expected' | 'actual' | 'about'> {
  if (error instanceof RuleBroken) {
    const { expected, actual, about } = error;
    return { result: 'broken', expected, actual, about };
  }
  if (error instanceof NotChecked)
    return { result: 'not checked', expected: error.message, actual: error.actual, about: '' };
  throw error;
}

function inTime(slow: readonly Answer[]): RuleResult {
  const methods = [...new Set(slow.map(({ method }) => method))].join(', ');
  return {
    rule: 'in-time',
    promise: 'every call is answered before its deadline',
    result: slow.length === 0 ? 'kept' : 'broken',
    expected: slow.length === 0 ? '' : 'an answer to every call before its deadline',
    actual: slow.length === 0 ? '' : `no answer to ${slow.length} calls of ${methods}`,
    about: '',
    calls: slow,
  };
}
