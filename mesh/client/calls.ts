import type { Transport } from '../engines/engine.ts';
import type { Clock } from '../telemetry/clock.ts';
import { asCallError } from './call-error.ts';
import type { ClientMethod } from './client-method.ts';
import { type MeshCallOptions, outboundCall } from './outbound-call.ts';
import { retry } from './retry.ts';
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
  const { pick, target, clock } = connection;
  const { engineMethod, maxAttempts } = method;
  const breaker = target.breakers[method.group];
  try {
    const call = outboundCall(method, options, clock);
    const message = method.complete(request);
    const attempt = () => answered(pick().unary(engineMethod, message, call), engineMethod.path);
    return await retry(() => breaker.run(attempt), call, { maxAttempts, budget: target.budget, clock });
  } catch (error) {
    throw asCallError(error, engineMethod.path);
  }
}

async function* serverStreaming(
  method: ClientMethod,
  connection: Connection,
  request: object,
  options: MeshCallOptions = {},
) {
  const { pick, target, clock } = connection;
  const { engineMethod, maxAttempts } = method;
  const breaker = target.breakers[method.group];
  try {
    const call = outboundCall(method, options, clock);
    const message = method.complete(request);
    const attempt = () => begun(pick().serverStreaming(engineMethod, message, call), engineMethod.path);
    yield* messages(await retry(() => breaker.watch(attempt), call, { maxAttempts, budget: target.budget, clock }));
  } catch (error) {
    throw asCallError(error, engineMethod.path);
  }
}

// The requests can be read only once, so neither of the following is tried again.

async function clientStreaming(
  method: ClientMethod,
  { pick, target, clock }: Connection,
  requests: AsyncIterable<object>,
  options: MeshCallOptions = {},
) {
  const { engineMethod } = method;
  try {
    const call = outboundCall(method, options, clock);
    const whole = completed(requests, method);
    const attempt = () => answered(pick().clientStreaming(engineMethod, whole, call), engineMethod.path);
    return await target.breakers[method.group].watch(attempt);
  } catch (error) {
    throw asCallError(error, engineMethod.path);
  }
}

async function* bidiStreaming(
  method: ClientMethod,
  { pick, target, clock }: Connection,
  requests: AsyncIterable<object>,
  options: MeshCallOptions = {},
) {
  const { engineMethod } = method;
  try {
    const call = outboundCall(method, options, clock);
    const whole = completed(requests, method);
    const attempt = () => begun(pick().bidiStreaming(engineMethod, whole, call), engineMethod.path);
    yield* messages(await target.breakers[method.group].watch(attempt));
  } catch (error) {
    throw asCallError(error, engineMethod.path);
  }
}

async function answered(response: Promise<unknown>, path: string): Promise<unknown> {
  try {
    return await response;
  } catch (error) {
    throw asCallError(error, path);
  }
}

/** A stream whose first message, or end, has come: from here on it is not tried again. */
interface BegunStream {
  readonly first: IteratorResult<unknown>;
  readonly rest: AsyncIterator<unknown>;
}

async function begun(responses: AsyncIterable<unknown>, path: string): Promise<BegunStream> {
  const rest = responses[Symbol.asyncIterator]();
  try {
    return { first: await rest.next(), rest };
  } catch (error) {
    throw asCallError(error, path);
  }
}

async function* messages({ first, rest }: BegunStream) {
  try {
    for (let next = first; !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

async function* completed(requests: AsyncIterable<object>, method: ClientMethod) {
  for await (const request of requests) yield method.complete(request);
}
