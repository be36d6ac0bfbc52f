import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { Status } from 'nice-grpc';
import { type Answer, isDefinite, isOk } from './caller.ts';
import type { Participant, Refusal, TestOrder } from './participant.ts';

/** Something that sagas rely on. */
export interface Rule {
  /** Its name in docs/participants.md, in kebab-case. */
  readonly name: string;
  /** What the participant has to do, as one sentence. `{run}`, `{undo}` and `{read}` are names of methods. */
  readonly promise: string;
  /** Throws `RuleBroken` if the participant does not keep it, `NotChecked` if that cannot be found out. */
  check(participant: Participant): Promise<void>;
}

/** The participant does not do what a rule demands. */
export class RuleBroken extends Error {
  override readonly name = 'RuleBroken';
  readonly expected: string;
  readonly actual: string;
  /** A text with the ids of the order or item, in addition to those in the other texts. */
  readonly about: string;

  constructor(expected: string, actual: string | Answer) {
    const text = typeof actual === 'string' ? actual : describeAnswer(actual);
    super(`expected ${expected}, got ${text}`);
    this.expected = expected;
    this.actual = text;
    this.about = typeof actual === 'string' ? '' : JSON.stringify(actual.request);
  }
}

/** A rule that was not checked. The message says what it takes, and `actual` what came instead, unless it is an option. */
export class NotChecked extends Error {
  override readonly name = 'NotChecked';
  readonly actual: string;

  constructor(message: string, actual = '') {
    super(message);
    this.actual = actual;
  }
}

export function newRequestId(): string {
  return randomUUID();
}

/** Requires OK, and fields of the response. */
export function expectOk(answer: Answer, why: string, fields: Readonly<Record<string, unknown>> = {}): Answer {
  const expected = `${answer.method} to answer OK${hasFields(fields)} (${why})`;
  const isAsExpected = Object.entries(fields).every(([name, value]) => isDeepStrictEqual(answer.response[name], value));
  if (!isOk(answer) || !isAsExpected) throw new RuleBroken(expected, answer);
  return answer;
}

/** Requires OK of a call that prepares test data. Without it the rule cannot be checked. */
export function expectPrepared(answer: Answer): void {
  if (!isOk(answer)) throw new NotChecked(`needs ${answer.method}`, describeAnswer(answer));
}

/** Requires a refusal with its code and reason. */
export function expectRefusal(answer: Answer, { code, reason, metadata = {} }: Refusal, why: string): void {
  const isAsExpected = Object.entries(metadata).every(([name, value]) => answer.metadata[name] === value);
  if (answer.code === code && answer.reason === reason && isAsExpected) return;
  const expected = `${answer.method} to answer ${Status[code]} ${reason}${hasFields(metadata, 'metadata ')} (${why})`;
  throw new RuleBroken(expected, answer);
}

/** Requires the same response as before. */
export function expectSame(answer: Answer, first: Answer, why: string): void {
  if (isOk(answer) && isDeepStrictEqual(answer.response, first.response)) return;
  throw new RuleBroken(`${answer.method} to answer OK ${JSON.stringify(first.response)} (${why})`, answer);
}

/** Requires that the step is in effect once, or not at all. */
export async function expectEffect(order: Pick<TestOrder, 'id' | 'observe'>, times: 0 | 1, why: string): Promise<void> {
  const effect = await order.observe();
  if (effect.times === times) return;
  const expected = times === 0 ? 'no effect' : 'one effect';
  throw new RuleBroken(
    `${expected} for order ${order.id} (${why})`,
    `${effect.times} times the effect: ${effect.text}`,
  );
}

/** Requires OK or one refusal; anything else is broken. */
export function expectOkOr(answer: Answer, refusal: Refusal, why: string): void {
  if (isOk(answer)) return;
  expectRefusal(answer, refusal, why);
}

/** `OK {"orderId":…}`, `NOT_FOUND ITEM_NOT_FOUND: item … not found`. */
export function describeAnswer(answer: Answer): string {
  if (isOk(answer)) return `OK ${JSON.stringify(answer.response)}`;
  const { code, reason, message, metadata } = answer;
  const details = Object.keys(metadata).length === 0 ? '' : ` ${JSON.stringify(metadata)}`;
  const unknown = isDefinite(answer) ? '' : ' (a saga retries this)';
  return `${Status[code] ?? `code ${code}`} ${reason || '(no reason)'}${details}: ${message}${unknown}`;
}

function hasFields(fields: Readonly<Record<string, unknown>>, what = ''): string {
  return Object.keys(fields).length === 0 ? '' : ` with ${what}${JSON.stringify(fields)}`;
}
