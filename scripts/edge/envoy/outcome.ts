import { isDeepStrictEqual } from 'node:util';
import type { JsonValue } from '../../../mesh/values/json.ts';
import { exchange, type RawRequest } from './exchange.ts';
import type { ReceivedCall, ShapesMesh } from './shapes-mesh.ts';

/** What a request led to. */
export interface Outcome {
  readonly status: number;
  /** The calls that the service got. */
  readonly calls: readonly ReceivedCall[];
  /** The JSON of an answer with success, or its text if that is none; `undefined` if it is empty. */
  readonly answer: JsonValue | undefined;
  /** The reason of a problem, and the fields that it names. */
  readonly reason: string | undefined;
  readonly fields: readonly string[];
  /** The methods of `Allow`. */
  readonly allow: readonly string[];
}

interface Problem {
  readonly reason?: string;
  readonly violations?: readonly { readonly field: string }[];
}

/** Sends a request to `host:port`, which calls the service of `mesh`. */
export async function observe(address: string, request: RawRequest, mesh: ShapesMesh): Promise<Outcome> {
  mesh.takeCalls();
  const { status, headers, text, isWhole } = await exchange(address, request);
  const answer = isWhole ? parse(text) : `cut off: ${text}`;
  // Only answers of ordermesh have a reason.
  const problem = (status >= 400 && typeof answer === 'object' ? answer : {}) as Problem;
  return {
    status,
    calls: mesh.takeCalls(),
    answer: status < 400 ? answer : undefined,
    reason: problem.reason,
    fields: problem.violations?.map(({ field }) => field) ?? [],
    allow: headers.get('allow')?.split(/, */) ?? [],
  };
}

function parse(text: string): JsonValue | undefined {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Whether two outcomes are the same for the caller and for the service. How a refusal is worded does not count. */
export function isSame(one: Outcome, other: Outcome): boolean {
  return one.status === other.status && isSameCall(one, other) && isDeepStrictEqual(one.answer, other.answer);
}

function isSameCall(one: Outcome, other: Outcome): boolean {
  return isDeepStrictEqual(one.calls, other.calls);
}

/** Says in short what an outcome is: `GetShape {"id":"s1"}`, or `404`. `other` is what it is compared with. */
export function describeOutcome(outcome: Outcome, other: Outcome): string {
  const parts = outcome.calls.map(({ method, request }) => `${method} ${JSON.stringify(request)}`);
  const isSuccess = outcome.status === 200 && parts.length > 0;
  if (!isSuccess) parts.push(String(outcome.status));
  else if (isSameCall(outcome, other)) parts.push(shorten(JSON.stringify(outcome.answer) ?? 'nothing'));
  return parts.join(', answered with ');
}

const maxAnswer = 32;

function shorten(text: string): string {
  return text.length > maxAnswer ? `${text.slice(0, maxAnswer - 1)}…` : text;
}
