import type { Transport, TransportCall } from '../engines/engine.ts';
import type { Clock } from '../time/clock.ts';
import { asCallError } from './call-error.ts';
import type { ClientMethod } from './client-method.ts';
import { type MeshCallOptions, outboundCall } from './outbound-call.ts';
import type { Breaker } from './policies/breaker.ts';
import { type RetryOptions, retry } from './policies/retry.ts';
import type { Target } from './targets.ts';

/** What the calls of a client go through. */
export interface Connection {
  /** The transport of the next try. Throws a MeshError when there is nowhere to go. */
  readonly pick: () => Transport;
  /** What is known of the service's health; shared by all its clients. */
  readonly target: Target;
  readonly clock: Clock;
}

/** Binds the function that calls `method`: of the four kinds, the one that it is. */
export function bindCall(method: ClientMethod, connection: Connection) {
  switch (method.engineMethod.kind) {
    case 'unary':
      return (request: object, options?: MeshCallOptions) => unary(method, connection, request, options);
    case 'server-streaming':
      return (request: object, options?: MeshCallOptions) => serverStreaming(method, connection, request, options);
    case 'client-streaming':
      return (requests: AsyncIterable<object>, options?: MeshCallOptions) =>
        clientStreaming(method, connection, requests, options);
    case 'bidi-streaming':
      return (requests: AsyncIterable<object>, options?: MeshCallOptions) =>
        bidiStreaming(method, connection, requests, options);
  }
}

async function unary(method: ClientMethod, connection: Connection, request: object, options: MeshCallOptions = {}) {
  const { engineMethod } = method;
  try {
    const call = outboundCall(method, options, connection.clock);
    const message = method.complete(request);
    const attempt = () => answered(connection.pick().unary(engineMethod, message, call), engineMethod.path);
    const breaker = breakerOf(method, connection);
    // A breaker that tries waits for its one call, so that must be sure to end.
    const guarded = call.deadlineMs === undefined ? breaker.watch : breaker.run;
    return await retry(() => guarded(attempt), call, retryOptions(method, connection));
  } catch (error) {
    throw asCallError(error, engineMethod.path);
  }
}

function serverStreaming(method: ClientMethod, connection: Connection, request: object, options?: MeshCallOptions) {
  const { engineMethod } = method;
  return responses(method, connection, options, (call) => {
    const message = method.complete(request);
    const attempt = () => begun(connection.pick().serverStreaming(engineMethod, message, call), engineMethod.path);
    return retry(() => breakerOf(method, connection).watch(attempt), call, retryOptions(method, connection));
  });
}

// Requests that come from a stream can be read only once, so the following two are not tried again.

async function clientStreaming(
  method: ClientMethod,
  connection: Connection,
  requests: AsyncIterable<object>,
  options: MeshCallOptions = {},
) {
  const { engineMethod } = method;
  try {
    const call = outboundCall(method, options, connection.clock);
    const messages = completed(requests, method);
    const attempt = () => answered(connection.pick().clientStreaming(engineMethod, messages, call), engineMethod.path);
    return await breakerOf(method, connection).watch(attempt);
  } catch (error) {
    throw asCallError(error, engineMethod.path);
  }
}

function bidiStreaming(
  method: ClientMethod,
  connection: Connection,
  requests: AsyncIterable<object>,
  options?: MeshCallOptions,
) {
  const { engineMethod } = method;
  return responses(method, connection, options, (call) => {
    const messages = completed(requests, method);
    const attempt = () => begun(connection.pick().bidiStreaming(engineMethod, messages, call), engineMethod.path);
    return breakerOf(method, connection).watch(attempt);
  });
}

/** A stream whose first message, or end, has come: from here on it is not tried again. */
interface BegunStream {
  readonly first: IteratorResult<unknown>;
  readonly rest: AsyncIterator<unknown>;
}

async function* responses(
  method: ClientMethod,
  { clock }: Connection,
  options: MeshCallOptions | undefined,
  begin: (call: TransportCall) => Promise<BegunStream>,
) {
  try {
    const { first, rest } = await begin(outboundCall(method, options ?? {}, clock));
    try {
      for (let next = first; !next.done; next = await rest.next()) yield next.value;
    } finally {
      await rest.return?.();
    }
  } catch (error) {
    throw asCallError(error, method.engineMethod.path);
  }
}

async function begun(stream: AsyncIterable<unknown>, path: string): Promise<BegunStream> {
  const rest = stream[Symbol.asyncIterator]();
  return { first: await answered(rest.next(), path), rest };
}

async function answered<Answer>(answer: Promise<Answer>, path: string): Promise<Answer> {
  try {
    return await answer;
  } catch (error) {
    throw asCallError(error, path);
  }
}

async function* completed(requests: AsyncIterable<object>, method: ClientMethod) {
  for await (const request of requests) yield method.complete(request);
}

function breakerOf({ group }: ClientMethod, { target }: Connection): Breaker {
  return target.breakers[group];
}

function retryOptions({ maxAttempts }: ClientMethod, { target, clock }: Connection): RetryOptions {
  return { maxAttempts, budget: target.budget, clock };
}
