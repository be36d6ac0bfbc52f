import type { SagaRecord, StepError } from './record.ts';

/** What is reported to the owner of what the saga is about. */
export type SagaReport =
  | { readonly at: 'step-done' | 'needs-attention'; readonly step: number }
  | { readonly at: 'compensating' | 'completed' | 'compensated' };

/** A call of a step's `run` or `undo`. */
export interface StepCall {
  readonly kind: 'run' | 'undo';
  readonly step: number;
}

/** What is to be done: reports with the record, in one transaction; then exactly one of the others, or nothing. */
export type SagaCommand =
  | { readonly kind: 'report'; readonly report: SagaReport }
  | StepCall
  | { readonly kind: 'wait'; readonly untilMs: number }
  | { readonly kind: 'park' | 'end' };

/** Where the saga stands then, and what is to be done. */
export interface SagaDecision {
  readonly record: SagaRecord;
  readonly commands: readonly SagaCommand[];
}

/** The step to be called, if it is one. */
export function isCall(command: SagaCommand): command is StepCall {
  return command.kind === 'run' || command.kind === 'undo';
}

/** What is to be reported with a decision. */
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

/** `decision`, with `report` made before. */
export function reporting(report: SagaReport, decision: SagaDecision): SagaDecision {
  return { ...decision, commands: [{ kind: 'report', report }, ...decision.commands] };
}

/** An error as a step's `lastError` has it. */
export function textOf(error: StepError): string {
  return `${error.reason}: ${error.message}`;
}
