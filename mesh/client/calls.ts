import { type CallOptions, Metadata } from 'nice-grpc-common';
import type { CallOutcome, PickedEndpoint } from '../balancing/balancer.ts';
import type { Transport, TransportCall } from '../engines/engine.ts';
import { isOutage } from '../errors/codes.ts';
import { uuidv7 } from '../ids/ids.ts';
import { type CallScope, currentScope } from '../telemetry/call-scope.ts';
import { continueTrace } from '../telemetry/trace-context.ts';
import type { Backoff } from '../time/backoff.ts';
import type { Clock } from '../time/clock.ts';
import { answering, type FallbackSettings } from './answer.ts';
import { asCallError, CallError } from './call-error.ts';
import type { ClientMethod } from './client-method.ts';
import type { Breaker } from './policies/breaker.ts';
import { callDeadline, type DeadlineOptions } from './policies/deadline.ts';
import { type RetryBudget, type RetryOptions, withRetries } from './policies/retry.ts';

/** The options of one call: nice-grpc's and a deadline. */
export type MeshCallOptions = CallOptions & DeadlineOptions;

/** What all methods of one client share. */
export interface ClientContext {
  /** Returns the endpoint of the next attempt: if possible, none of `tried`. Throws a MeshError if the service has none. */
  readonly pick: (tried?: ReadonlySet<string>) => PickedEndpoint;
  /** Returns the breaker of a group of methods. */
  readonly breaker: (group: string) => Breaker;
  readonly budget: RetryBudget;
  readonly retryDelayMs: Backoff;
  readonly clock: Clock;
}

/** A method with all that its calls need. */
interface BoundMethod extends ClientMethod, Pick<ClientContext, 'pick' | 'clock'> {
  readonly breaker: Breaker;
  readonly retry: RetryOptions;
}

/** Returns the function that calls `method`, whichever of the four kinds it is. Only a unary one may have a fallback. */
export function bindCall(method: ClientMethod, context: ClientContext, fallback?: FallbackSettings) {
  const { pick, breaker, budget, retryDelayMs, clock } = context;
  const { maxAttempts, retryable, breakerGroup } = method;
  const retry = { maxAttempts, retryable, budget, delayMs: retryDelayMs, clock };
  const bound: BoundMethod = { ...method, pick, clock, breaker: breaker(breakerGroup), retry };
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

async function unary(method: BoundMethod, request: object, options: MeshCallOptions = {}) {
  const { engineMethod, breaker } = method;
  const message = method.complete(request);
  try {
    const call = outboundCall(method, options);
    const attempt = () => answeredBy(method, (transport) => transport.unary(engineMethod, message, call));
    // A half-open breaker waits for its one call, so that call must be sure to end.
    const guarded = call.deadlineMs === undefined ? breaker.watch : breaker.run;
    return await withRetries(() => guarded(attempt), call, method.retry);
  } catch (error) {
    throw asCallError(error, engineMethod.path);
  }
}

function serverStreaming(method: BoundMethod, request: object, options: MeshCallOptions = {}) {
  const { engineMethod, breaker } = method;
  return responses(method, options, (call) => {
    const message = method.complete(request);
    const attempt = () =>
      answeredBy(method, (transport) => begun(transport.serverStreaming(engineMethod, message, call)));
    return withRetries(() => breaker.watch(attempt), call, method.retry);
  });
}

// Requests that come from a stream can be read only once, so the following two are not retried.

async function clientStreaming(method: BoundMethod, requests: AsyncIterable<object>, options: MeshCallOptions = {}) {
  const { engineMethod, breaker } = method;
  try {
    const call = outboundCall(method, options);
    const messages = completed(requests, method);
    const attempt = () => answeredBy(method, (transport) => transport.clientStreaming(engineMethod, messages, call));
    return await breaker.watch(attempt);
  } catch (error) {
    throw asCallError(error, engineMethod.path);
  }
}

function bidiStreaming(method: BoundMethod, requests: AsyncIterable<object>, options: MeshCallOptions = {}) {
  const { engineMethod, breaker } = method;
  return responses(method, options, (call) => {
    const messages = completed(requests, method);
    const attempt = () =>
      answeredBy(method, (transport) => begun(transport.bidiStreaming(engineMethod, messages, call)));
    return breaker.watch(attempt);
  });
}

/** A stream whose first message, or end, has arrived: from here on it is not retried. */
interface BegunStream {
  readonly first: IteratorResult<unknown>;
  readonly rest: AsyncIterator<unknown>;
}

async function* responses(
  method: BoundMethod,
  options: MeshCallOptions,
  begin: (call: TransportCall) => Promise<BegunStream>,
) {
  try {
    const { first, rest } = await begin(outboundCall(method, options));
    try {
      for (let next = first; !next.done; next = await rest.next()) yield next.value;
    } finally {
      await rest.return?.();
    }
  } catch (error) {
    throw asCallError(error, method.engineMethod.path);
  }
}

async function begun(stream: AsyncIterable<unknown>): Promise<BegunStream> {
  const rest = stream[Symbol.asyncIterator]();
  return { first: await rest.next(), rest };
}

/** Makes one attempt at an endpoint, and reports to its balancer how that ended. */
async function answeredBy<Answer>(
  { pick, engineMethod }: BoundMethod,
  send: (transport: Transport) => Promise<Answer>,
): Promise<Answer> {
  const { transport, end } = pick();
  const startMs = performance.now();
  try {
    const answer = await send(transport);
    end('answered', performance.now() - startMs);
    return answer;
  } catch (cause) {
    const error = asCallError(cause, engineMethod.path);
    end(outcomeOf(error), performance.now() - startMs);
    throw error;
  }
}

function outcomeOf(error: unknown): CallOutcome {
  if (!(error instanceof CallError)) return 'cancelled';
  return isOutage(error) ? 'server-fault' : 'answered';
}

async function* completed(requests: AsyncIterable<object>, method: BoundMethod) {
  for await (const request of requests) yield method.complete(request);
}

/** The call that all attempts send. It takes deadline, trace and cancellation from the call that it is made for. */
function outboundCall({ timeoutMs, clock }: BoundMethod, options: MeshCallOptions): TransportCall {
  const scope = currentScope();
  const time = { nowMs: clock.now(), timeoutMs, scopeDeadlineMs: scope?.deadlineMs };
  return {
    deadlineMs: callDeadline(options, time),
    metadata: outboundMetadata(options.metadata, scope),
    signal: anySignal(options.signal, scope?.signal),
    onHeader: options.onHeader,
    onTrailer: options.onTrailer,
  };
}

/** The caller's metadata, with `x-request-id` and `traceparent` of the call that this one is made for, or new ones. */
function outboundMetadata(given: Metadata | undefined, scope: CallScope | undefined): Metadata {
  const metadata = Metadata(given);
  if (!metadata.has('x-request-id')) metadata.set('x-request-id', scope?.requestId ?? uuidv7());
  if (!metadata.has('traceparent')) metadata.set('traceparent', scope?.traceparent ?? continueTrace(undefined));
  return metadata;
}

function anySignal(one: AbortSignal | undefined, other: AbortSignal | undefined): AbortSignal | undefined {
  if (one === undefined || other === undefined || one === other) return one ?? other;
  return AbortSignal.any([one, other]);
}
