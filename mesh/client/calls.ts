import { type CallOptions, Metadata } from 'nice-grpc-common';
import type { PickedEndpoint } from '../balancing/balancer.ts';
import { uuidv7 } from '../ids/ids.ts';
import { type Rewindable, rewindable } from '../iterables/rewindable.ts';
import type { WriteIdentity } from '../security/identity/outbound-identity.ts';
import { type CallScope, currentScope } from '../telemetry/call-scope.ts';
import { continueTrace } from '../telemetry/trace-context.ts';
import type { Backoff } from '../time/backoff.ts';
import type { Clock } from '../time/clock.ts';
import { answering, type FallbackSettings } from './answer.ts';
import { anySignal } from './any-signal.ts';
import { asCallError } from './call-error.ts';
import type { ClientMethod } from './client-method.ts';
import type { Breaker } from './policies/breaker.ts';
import { callDeadline, type DeadlineOptions, isHurried } from './policies/deadline.ts';
import { elsewhereIfUnsent, isLostElsewhere, type OutboundCall, type Route } from './policies/elsewhere.ts';
import { type RetryBudget, type RetryOptions, withRetries } from './policies/retry.ts';

/** The options of one call: nice-grpc's and a deadline. */
export type MeshCallOptions = CallOptions & DeadlineOptions;

/** What all methods of one client share. */
export interface ClientContext {
  /** Returns the endpoint of the next attempt: if possible, none of `tried`. Throws a MeshError if the service has none. */
  readonly pick: (tried?: ReadonlySet<string>, isStream?: boolean) => PickedEndpoint;
  /** Resolves once endpoints can be picked; `undefined`: now. */
  readonly found: () => Promise<void> | undefined;
  /** Returns the breaker of a group of methods. */
  readonly breaker: (group: string) => Breaker;
  readonly budget: RetryBudget;
  readonly retryDelayMs: Backoff;
  readonly clock: Clock;
  /** Says in a call who makes it. Default: calls say nothing. */
  readonly identity?: ClientIdentity | undefined;
}

/** As whom a client calls. */
export interface ClientIdentity {
  /** The service whose client it is; `undefined`: a part of the process that is none. */
  readonly service: string | undefined;
  readonly write: WriteIdentity;
}

/** A method with all that its calls need. */
interface BoundMethod extends ClientMethod, Pick<ClientContext, 'pick' | 'found' | 'clock' | 'identity'> {
  readonly breaker: Breaker;
  readonly retry: RetryOptions;
}

/** Returns the function that calls `method`, whichever of the four kinds it is. Only a unary one may have a fallback. */
export function bindCall(method: ClientMethod, context: ClientContext, fallback?: FallbackSettings) {
  const { pick, found, breaker, budget, retryDelayMs, clock, identity } = context;
  const { maxAttempts, retryable, breakerGroup } = method;
  const retry = { maxAttempts, retryable, budget, delayMs: retryDelayMs, clock };
  const bound: BoundMethod = { ...method, pick, found, clock, identity, breaker: breaker(breakerGroup), retry };
  switch (method.engineMethod.kind) {
    case 'unary': {
      const call = (request: object, options?: MeshCallOptions) => unary(bound, request, options);
      return fallback ? answering(method, call, fallback, clock) : call;
    }
    case 'server-streaming':
      return (request: object, options?: MeshCallOptions) => serverStreaming(bound, request, options);
    case 'client-streaming':
      return (requests: AsyncIterable<object>, options?: MeshCallOptions) => clientStreaming(bound, requests, options);
    case 'bidi-streaming':
      return (requests: AsyncIterable<object>, options?: MeshCallOptions) => bidiStreaming(bound, requests, options);
  }
}

/** The order of the policies: retries( breaker( elsewhere if unsent( attempt ) ) ). */
async function unary(method: BoundMethod, request: object, options: MeshCallOptions = {}) {
  const { engineMethod, breaker } = method;
  const message = method.complete(request);
  try {
    const call = outboundCall(method, options);
    const route = routeOf(method, call, false);
    const attempt = () => elsewhereIfUnsent(route, ({ transport }) => transport.unary(engineMethod, message, call));
    // A half-open breaker waits for its one call, so that call must be sure to end.
    const guarded = call.deadlineMs === undefined ? breaker.watch : breaker.run;
    return await withRetries(
      () => guarded(attempt, call.isHurried),
      call,
      method.retry,
      (error) => isLostElsewhere(route, error),
    );
  } catch (error) {
    throw asCallError(error, engineMethod.path);
  }
}

function serverStreaming(method: BoundMethod, request: object, options: MeshCallOptions = {}) {
  const { engineMethod, breaker } = method;
  return responses(method, options, (call) => {
    const message = method.complete(request);
    const route = routeOf(method, call, true);
    const attempt = () =>
      elsewhereIfUnsent(route, (endpoint) =>
        begun(endpoint, endpoint.transport.serverStreaming(engineMethod, message, call)),
      );
    return withRetries(
      () => breaker.watch(attempt, call.isHurried),
      call,
      method.retry,
      (error) => isLostElsewhere(route, error),
    );
  });
}

// Requests that come from a stream can be read only once, so the following two are not retried. The first are kept in case the
// call goes elsewhere.

async function clientStreaming(method: BoundMethod, requests: AsyncIterable<object>, options: MeshCallOptions = {}) {
  const { engineMethod, breaker } = method;
  const messages = rewindable(completed(requests, method), maxKeptRequests);
  try {
    const call = outboundCall(method, options);
    const route = { ...routeOf(method, call, true), requests: messages };
    const attempt = () =>
      elsewhereIfUnsent(route, (endpoint) =>
        endpoint.transport.clientStreaming(engineMethod, readFor(endpoint, messages), call),
      );
    return await breaker.watch(attempt, call.isHurried);
  } catch (error) {
    throw asCallError(error, engineMethod.path);
  } finally {
    closeSoon(messages);
  }
}

function bidiStreaming(method: BoundMethod, requests: AsyncIterable<object>, options: MeshCallOptions = {}) {
  const { engineMethod, breaker } = method;
  return responses(method, options, async (call) => {
    const messages = rewindable(completed(requests, method), maxKeptRequests);
    const route = { ...routeOf(method, call, true), requests: messages };
    const attempt = () =>
      elsewhereIfUnsent(route, (endpoint) =>
        begun(endpoint, endpoint.transport.bidiStreaming(engineMethod, readFor(endpoint, messages), call)),
      );
    try {
      const stream = await breaker.watch(attempt, call.isHurried);
      messages.commit();
      return stream;
    } catch (error) {
      closeSoon(messages);
      throw error;
    }
  });
}

/** How many requests of a stream are kept until its response begins. With more, the call no longer goes elsewhere. */
const maxKeptRequests = 16;

function readFor({ hasOthers }: PickedEndpoint, messages: Rewindable<object>): AsyncIterable<object> {
  const reader = messages.read();
  if (!hasOthers) messages.commit();
  return reader;
}

/** Closes a source of requests. It may wait for something else, and its error no longer matters. */
function closeSoon(messages: Rewindable<object>): void {
  messages.close().catch(() => undefined);
}

function routeOf({ pick, found, engineMethod, clock }: BoundMethod, call: OutboundCall, isStream: boolean): Route {
  const path = engineMethod.path;
  return { pick, found, path, call, isStream, clock, tried: undefined, hasElsewhere: false, requests: undefined };
}

/** A stream whose first message, or end, has arrived: from here on it is not retried. */
interface BegunStream {
  readonly endpoint: PickedEndpoint;
  readonly first: IteratorResult<unknown>;
  readonly rest: AsyncIterator<unknown>;
}

async function* responses(
  method: BoundMethod,
  options: MeshCallOptions,
  begin: (call: OutboundCall) => Promise<BegunStream>,
) {
  try {
    const { endpoint, first, rest } = await begin(outboundCall(method, options));
    const ended = endpoint.hold();
    try {
      for (let next = first; !next.done; next = await rest.next()) yield next.value;
    } finally {
      ended();
      await rest.return?.();
    }
  } catch (error) {
    throw asCallError(error, method.engineMethod.path);
  }
}

async function begun(endpoint: PickedEndpoint, stream: AsyncIterable<unknown>): Promise<BegunStream> {
  const rest = stream[Symbol.asyncIterator]();
  return { endpoint, first: await rest.next(), rest };
}

async function* completed(requests: AsyncIterable<object>, method: BoundMethod) {
  for await (const request of requests) yield method.complete(request);
}

/** The call that all attempts send. It takes deadline, trace and cancellation from the call that it is made for. */
function outboundCall({ timeoutMs, clock, identity }: BoundMethod, options: MeshCallOptions): OutboundCall {
  const scope = currentScope();
  const time = { nowMs: clock.now(), timeoutMs, scopeDeadlineMs: scope?.deadlineMs };
  const deadlineMs = callDeadline(options, time);
  const metadata = outboundMetadata(options.metadata, scope);
  return {
    deadlineMs,
    isHurried: isHurried(deadlineMs, time),
    metadata,
    signal: anySignal(options.signal, scope?.signal),
    onHeader: options.onHeader,
    onTrailer: options.onTrailer,
    maxOpenings: undefined,
    identify: identity && (({ proven }) => identity.write(metadata, { service: identity.service, scope, proven })),
  };
}

/** The caller's metadata, with `x-request-id` and `traceparent` of the call that this one is made for, or new ones. */
function outboundMetadata(given: Metadata | undefined, scope: CallScope | undefined): Metadata {
  const metadata = Metadata(given);
  if (!metadata.has('x-request-id')) metadata.set('x-request-id', scope?.requestId ?? uuidv7());
  if (!metadata.has('traceparent')) metadata.set('traceparent', scope?.traceparent ?? continueTrace(undefined));
  return metadata;
}
