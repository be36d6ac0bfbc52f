import type { CallContext, ServerMiddleware, ServerMiddlewareCall } from 'nice-grpc-common';
import type { EngineCall, EngineHandler } from '../../../../mesh/engines/engine.ts';
import { descriptorOf, kindNameOf } from '../definitions/engine-method.ts';
import type { AnyMethodDefinition } from '../definitions/method-definition.ts';
import { checkRequest, type KindName, manyResults, singleResult } from '../middleware/drive.ts';
import { contextOf } from './call-context.ts';

/** A method of an implementation, whatever its kind. */
export type AnyImplementation = (request: unknown, context: CallContext) => unknown;

type AnyMiddlewareCall = ServerMiddlewareCall<unknown, unknown>;

/** The handler of a method, with its middleware. `compressReplies`: if the caller accepts it. */
export function handlerOf(
  definition: AnyMethodDefinition,
  implementation: AnyImplementation,
  middleware: ServerMiddleware | undefined,
  compressReplies: boolean,
): EngineHandler<unknown, unknown> {
  const run = middleware === undefined ? implementation : withMiddleware(definition, implementation, middleware);
  const begin = (request: unknown, call: EngineCall) => {
    call.compressReplies = compressReplies;
    return run(request, contextOf(call));
  };
  // Async, for implementations that return no promise or throw at once.
  const one = async (request: unknown, call: EngineCall) => await begin(request, call);
  const many = (request: unknown, call: EngineCall) => begin(request, call) as AsyncIterable<unknown>;
  if (definition.requestStream) {
    return definition.responseStream
      ? { kind: 'bidi-streaming', handle: many }
      : { kind: 'client-streaming', handle: one };
  }
  if (definition.responseStream) {
    return {
      kind: 'server-streaming',
      handle(read, call) {
        const decompressing = call.decompressRequest();
        return decompressing === undefined ? many(read(), call) : later(decompressing, () => many(read(), call));
      },
    };
  }
  return {
    kind: 'unary',
    handle(read, call) {
      const decompressing = call.decompressRequest();
      return decompressing === undefined ? one(read(), call) : decompressing.then(() => one(read(), call));
    },
  };
}

async function* later(waiting: Promise<void>, start: () => AsyncIterable<unknown>): AsyncIterable<unknown> {
  await waiting;
  yield* start();
}

function withMiddleware(
  definition: AnyMethodDefinition,
  implementation: AnyImplementation,
  middleware: ServerMiddleware,
): AnyImplementation {
  const { requestStream, responseStream } = definition;
  const method = descriptorOf(definition);
  const kind = kindNameOf(definition);
  const next = responseStream
    ? nextStream(implementation, requestStream, kind)
    : nextOne(implementation, requestStream, kind);
  const settle = responseStream ? manyResults : singleResult;
  return (request, context) => {
    const call = { method, requestStream, request, responseStream, next } as AnyMiddlewareCall;
    return settle(middleware(call, context), kind);
  };
}

function nextOne(implementation: AnyImplementation, requestStream: boolean, kind: KindName) {
  // biome-ignore lint/correctness/useYield: it is a generator for middleware, which delegates to it.
  return async function* one(request: unknown, context: CallContext): AsyncGenerator<never, unknown, undefined> {
    checkRequest(request, requestStream, kind);
    return await implementation(request, context);
  };
}

function nextStream(implementation: AnyImplementation, requestStream: boolean, kind: KindName) {
  return async function* many(request: unknown, context: CallContext): AsyncGenerator<unknown, void, undefined> {
    checkRequest(request, requestStream, kind);
    yield* implementation(request, context) as AsyncIterable<unknown>;
  };
}
