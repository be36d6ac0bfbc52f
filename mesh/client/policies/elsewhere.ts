import { Status } from 'nice-grpc-common';
import { type CallOutcome, maxEndpoints, outcomeOf, type PickedEndpoint } from '../../balancing/balancer.ts';
import type { TransportCall } from '../../engines/engine.ts';
import { unknownMethod } from '../../engines/errors.ts';
import { TransportError } from '../../engines/transport-error.ts';
import type { Rewindable } from '../../iterables/rewindable.ts';
import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import { asCallError, CallError, isTooLarge } from '../call-error.ts';

/** A call as the client sends it. Each attempt sets how often it may be opened. */
export interface OutboundCall extends TransportCall {
  /** Whether its caller gave it so little time that being late shows nothing about the service. */
  readonly isHurried: boolean;
  maxOpenings: number | undefined;
  /** Writes into its metadata who makes it, as far as the endpoint of an attempt may know. `undefined`: nobody may. */
  readonly identify?: ((endpoint: PickedEndpoint) => void) | undefined;
}

/** A call and the endpoints that it has tried. Its retries share it. */
export interface Route {
  readonly pick: (tried?: ReadonlySet<string>, isStream?: boolean) => PickedEndpoint;
  /** Resolves once endpoints can be picked; `undefined`: now. */
  readonly found: () => Promise<void> | undefined;
  /** `/user.v1.UserService/GetUser`. */
  readonly path: string;
  readonly call: OutboundCall;
  readonly isStream: boolean;
  readonly clock: Clock;
  /** The endpoints that failed it. */
  tried: Set<string> | undefined;
  /** Whether there is an endpoint that has not failed it. */
  hasElsewhere: boolean;
  /** Of a call whose requests come from a stream. */
  readonly requests: Pick<Rewindable<unknown>, 'canRewind'> | undefined;
}

/** Longer than a call without a deadline waits here. */
const longestMs = 60_000;

/**
 * Makes an attempt of a call. If no handler can have seen the call, it goes to another endpoint immediately, for any method, to
 * at most 3. That costs no retry, and the breaker counts only the last. A call of a method that an instance with an older
 * contract does not have goes elsewhere too. Reports to the balancer how each attempt ended.
 */
export async function elsewhereIfUnsent<Answer>(
  route: Route,
  send: (endpoint: PickedEndpoint) => Promise<Answer>,
): Promise<Answer> {
  const { path, call } = route;
  for (let endpoints = 1; ; endpoints += 1) {
    const finding = route.found();
    if (finding !== undefined) await endOrCall(finding, route);
    const endpoint = pickNext(route);
    call.maxOpenings = endpoint.hasOthers ? 1 : undefined;
    call.identify?.(endpoint);
    const startMs = performance.now();
    try {
      const answer = await send(endpoint);
      endpoint.end('answered', performance.now() - startMs);
      return answer;
    } catch (cause) {
      const error = asCallError(cause, path);
      endpoint.end(outcomeOfError(error, route), performance.now() - startMs);
      route.tried ??= new Set();
      route.tried.add(endpoint.address);
      route.hasElsewhere = endpoint.hasOthers;
      if (!endpoint.hasOthers || !isUntaken(error)) throw error;
      if (isUnknownMethod(error)) endpoint.misses(path);
      if (endpoints === maxEndpoints || !canRepeat(route)) throw error;
    }
  }
}

/**
 * Whether a call was lost with its instance while there is another one. An instance that dies fails all its calls at the same
 * time. That is no reason to limit retries: the others can take them.
 */
export function isLostElsewhere({ hasElsewhere }: Route, { cause }: CallError): boolean {
  return hasElsewhere && cause instanceof TransportError && cause.lost;
}

/** Waits for `work`, at most until the call ends. */
async function endOrCall(work: Promise<void>, { call: { deadlineMs, signal }, clock }: Route): Promise<void> {
  const over = new AbortController();
  const leftMs = deadlineMs === undefined ? longestMs : deadlineMs - clock.now();
  const ended = sleep(clock, leftMs, signal ? AbortSignal.any([signal, over.signal]) : over.signal);
  await Promise.race([work, ended]);
  over.abort();
}

function pickNext({ pick, tried, isStream, path }: Route): PickedEndpoint {
  try {
    return pick(tried, isStream);
  } catch (error) {
    throw asCallError(error, path);
  }
}

function outcomeOfError(error: unknown, { call, isStream }: Route): CallOutcome {
  // An error of the caller says nothing about the endpoint.
  if (!(error instanceof CallError)) return 'cancelled';
  if (isUnsent(error)) return 'unsent';
  if (isTooLarge(error)) return 'answered';
  // Nor does a stream that is silent for longer than its caller waits.
  const isSilent = isStream && call.isHurried && error.code === Status.DEADLINE_EXCEEDED;
  return isSilent ? 'cancelled' : outcomeOf(error);
}

/** Whether no handler can have seen the call. */
function isUntaken(error: unknown): boolean {
  return isUnsent(error) || isUnknownMethod(error);
}

function isUnsent(error: unknown): boolean {
  return error instanceof CallError && error.cause instanceof TransportError && error.cause.unsent;
}

/** Other servers give no reason for that. A handler that gives none must not have had an effect. */
const unknownMethodReasons: ReadonlySet<string> = new Set([unknownMethod.reason, Status[Status.UNIMPLEMENTED]]);

function isUnknownMethod(error: unknown): boolean {
  if (!(error instanceof CallError && error.cause instanceof TransportError)) return false;
  return error.cause.unimplemented && unknownMethodReasons.has(error.reason);
}

function canRepeat({ call, clock, requests }: Route): boolean {
  if (call.signal?.aborted || requests?.canRewind === false) return false;
  return call.deadlineMs === undefined || clock.now() < call.deadlineMs;
}
