import type { SagaRecord, StepError } from './record.ts';

/** What is reported to the owner of the subject. */
export type SagaReport =
  | { readonly at: 'step-done' | 'needs-attention'; readonly step: number }
  | { readonly at: 'compensating' | 'completed' | 'compensated' };

/** A call of a step's `run` or `undo`. */
export interface StepCall {
  readonly kind: 'run' | 'undo';
  readonly step: number;
}

/** What to do: write the reports with the record, in one transaction; then exactly one of the others, or nothing. */
export type SagaCommand =
  | { readonly kind: 'report'; readonly report: SagaReport }
  | StepCall
  | { readonly kind: 'wait'; readonly untilMs: number }
  | { readonly kind: 'park' | 'end' };

/** The saga's next record, and what to do. */
export interface SagaDecision {
  readonly record: SagaRecord;
  readonly commands: readonly SagaCommand[];
}

export function isCall(command: SagaCommand): command is StepCall {
  return command.kind === 'run' || command.kind === 'undo';
}

export function reportsOf(commands: readonly SagaCommand[]): SagaReport[] {
  return commands.filter((command) => command.kind === 'report').map((command) => command.report);
}

/** Waits, without using up time. */
export function wait(record: SagaRecord, untilMs: number): SagaDecision {
  const waiting = { ...record, countsFromMs: undefined, waitUntilMs: untilMs };
  return { record: waiting, commands: [{ kind: 'wait', untilMs }] };
}

/** Waits for another attempt, which uses up time. */
export function waitCounting(record: SagaRecord, nowMs: number, delayMs: number): SagaDecision {
  const { record: waiting, commands } = wait(record, nowMs + delayMs);
  return { record: { ...waiting, countsFromMs: nowMs }, commands };
}

/** `decision`, with `report` first. */
export function reporting(report: SagaReport, decision: SagaDecision): SagaDecision {
  return { ...decision, commands: [{ kind: 'report', report }, ...decision.commands] };
}

/** The text of an error for `lastError`. */
export function textOf(error: StepError): string {
  return `${error.reason}: ${error.message}`;
}
