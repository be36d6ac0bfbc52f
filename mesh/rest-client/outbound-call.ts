import { anySignal } from '../client/any-signal.ts';
import { callDeadline } from '../client/policies/deadline.ts';
import { cancelled, deadlineExceeded } from '../errors/errors.ts';
import { MeshError } from '../errors/mesh-error.ts';
import { uuidv7 } from '../ids/ids.ts';
import { type CallScope, currentScope } from '../telemetry/call-scope.ts';
import { continueTrace } from '../telemetry/trace-context.ts';
import { systemClock } from '../time/clock.ts';
import { clientClosed } from './errors.ts';
import { assertSendable } from './request-headers.ts';
import { type BaseUrl, requestUrl } from './request-url.ts';
import type { RestCallOptions } from './rest-client.ts';
import { nameOf, type RestCall, RestError } from './rest-error.ts';

/** A call that all attempts send. It takes deadline, trace, request id and cancellation from the call that it is made for. */
export interface OutboundCall extends RestCall, Disposable {
  readonly url: string;
  /** By lower-case name. Without the time that is left, which differs by attempt. */
  readonly headers: Readonly<Record<string, string>>;
  /** JSON; `undefined` without a body. */
  readonly body: string | undefined;
  /** Aborts when the caller cancels, the deadline passes, or `abort` is called. */
  readonly signal: AbortSignal;
  abort(): void;
  /** The time until the deadline, in milliseconds; 0 once it has passed. */
  leftMs(): number;
}

export interface CallRequest {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly options: RestCallOptions;
}

export interface CallDefaults {
  readonly base: BaseUrl;
  readonly service: string;
  readonly timeoutMs: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** Begins a call; disposing ends it. Throws a RestError if its path or a header is invalid, or no time is left. */
export function beginCall(request: CallRequest, defaults: CallDefaults): OutboundCall {
  const { method, path, body, options } = request;
  const { base, service } = defaults;
  const scope = currentScope();
  const given = lowerCase({ ...defaults.headers, ...options.headers });
  const headers = { ...ownHeaders(request, base, scope), ...given };
  const call = { method, path, service, requestId: headers['x-request-id'], secrets: secretsOf(headers, given) };
  try {
    assertSendable(headers);
    const url = requestUrl(base, path, options.params);
    const json = body === undefined ? undefined : JSON.stringify(body, bigintAsText);
    return { ...call, url, headers, body: json, ...startTime(options, defaults.timeoutMs, scope) };
  } catch (error) {
    throw error instanceof MeshError ? new RestError(call, error) : error;
  }
}

function ownHeaders({ body, options }: CallRequest, { authorization }: BaseUrl, scope: CallScope | undefined) {
  return {
    accept: 'application/json',
    'accept-encoding': 'gzip, deflate, br',
    'user-agent': 'ordermesh',
    'x-request-id': scope?.requestId ?? uuidv7(),
    traceparent: scope?.traceparent ?? continueTrace(undefined),
    ...(authorization && { authorization }),
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(options.idempotencyKey && { 'idempotency-key': options.idempotencyKey }),
  };
}

type CallTime = Pick<OutboundCall, 'signal' | 'abort' | 'leftMs' | typeof Symbol.dispose>;

/** Starts the time of a call. Throws DEADLINE_EXCEEDED `DEADLINE_EXCEEDED` if none is left. */
function startTime(options: RestCallOptions, timeoutMs: number, scope: CallScope | undefined): CallTime {
  const nowMs = systemClock.now();
  const time = { nowMs, timeoutMs, scopeDeadlineMs: scope?.deadlineMs };
  const deadlineMs = callDeadline(options, time) ?? nowMs + timeoutMs;
  const ending = new AbortController();
  // The call that this one is made for ends it as well, and has to answer its own caller first.
  const endsWithScope = scope?.signal !== undefined && deadlineMs === scope.deadlineMs;
  const startTimer = () => systemClock.after(deadlineMs - nowMs, () => ending.abort());
  return {
    signal: anySignal(anySignal(options.signal, scope?.signal), ending.signal) ?? ending.signal,
    abort: () => ending.abort(),
    leftMs: () => Math.max(0, deadlineMs - systemClock.now()),
    [Symbol.dispose]: endsWithScope ? () => undefined : startTimer(),
  };
}

/** Why a call ended before its response. */
export function endOf(call: OutboundCall, isClosed: boolean): MeshError {
  const path = nameOf(call).call;
  if (call.leftMs() === 0) return deadlineExceeded({ path });
  return isClosed ? clientClosed({ path }) : cancelled({ path });
}

function lowerCase(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

const minSecretLength = 6;

/** What the caller gave as headers, whole and without a scheme such as `Bearer`. A request id is for logs. */
function secretsOf(headers: Readonly<Record<string, string>>, given: Readonly<Record<string, string>>): string[] {
  const { 'x-request-id': _, ...secret } = given;
  const values = [...Object.values(secret), headers.authorization ?? ''];
  return values
    .flatMap((value) => [value, value.slice(value.indexOf(' ') + 1)])
    .filter((value) => value.length >= minSecretLength);
}

/** As proto3 JSON has 64-bit integers. */
function bigintAsText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
