import {
  type CallOptions,
  ClientError,
  type ClientMiddleware,
  type ClientMiddlewareCall,
  Metadata,
  Status,
} from 'nice-grpc-common';
import type { EngineMethod, TransportCall } from '../../../../mesh/engines/engine.ts';
import { TransportError } from '../../../../mesh/engines/transport-error.ts';
import type { Channel } from '../channel/channel.ts';
import { descriptorOf, engineMethodOf, kindNameOf } from '../definitions/engine-method.ts';
import type { AnyMethodDefinition } from '../definitions/method-definition.ts';
import { checkRequest, type KindName, manyResults, singleResult } from '../middleware/drive.ts';

export interface ClientMethodOptions {
  readonly middleware: ClientMiddleware | undefined;
  readonly defaults: CallOptions;
}

type AnyClientMethod = (request: unknown, options?: CallOptions) => unknown;
type AnyMiddlewareCall = ClientMiddlewareCall<unknown, unknown>;
type AnyMethod = EngineMethod<unknown, unknown>;

/** A method of a client, of any kind. */
export function clientMethod(
  definition: AnyMethodDefinition,
  channel: Channel,
  { middleware, defaults }: ClientMethodOptions,
): AnyClientMethod {
  const { requestStream, responseStream } = definition;
  const kind = kindNameOf(definition);
  const method = engineMethodOf(definition, channel.maxSendBytes);
  const begin = responseStream ? beginMany(method, channel, kind) : beginOne(method, channel, kind);
  if (middleware === undefined) return (request, options) => begin(request, { ...defaults, ...options });
  const next = responseStream ? nextStream(begin) : nextOne(begin);
  const settle = responseStream ? manyResults : singleResult;
  const call = { method: descriptorOf(definition), requestStream, responseStream, next };
  return (request, options) =>
    settle(middleware({ ...call, request } as AnyMiddlewareCall, { ...defaults, ...options }), kind);
}

type Begin = (request: unknown, options: CallOptions) => unknown;

function nextOne(begin: Begin) {
  // biome-ignore lint/correctness/useYield: it is a generator for middleware, which delegates to it.
  return async function* one(request: unknown, options: CallOptions): AsyncGenerator<never, unknown, undefined> {
    return await begin(request, options);
  };
}

function nextStream(begin: Begin) {
  return async function* many(request: unknown, options: CallOptions): AsyncGenerator<unknown, void, undefined> {
    yield* begin(request, options) as AsyncIterable<unknown>;
  };
}

function beginOne(method: AnyMethod, channel: Channel, kind: KindName): Begin {
  const isStream = method.kind === 'client-streaming';
  return async (request, options) => {
    checkRequest(request, isStream, kind);
    const { signal } = options;
    if (signal?.aborted) throw abortError();
    const { transport } = channel;
    const call = transportCall(options, channel);
    try {
      return isStream
        ? await transport.clientStreaming(method, request as AsyncIterable<unknown>, call)
        : await transport.unary(method, request, call);
    } catch (error) {
      throw failure(error, options, channel);
    }
  };
}

function beginMany(method: AnyMethod, channel: Channel, kind: KindName): Begin {
  const isStream = method.kind === 'bidi-streaming';
  return async function* many(request, options) {
    checkRequest(request, isStream, kind);
    if (options.signal?.aborted) throw abortError();
    const { transport } = channel;
    const call = transportCall(options, channel);
    try {
      yield* isStream
        ? transport.bidiStreaming(method, request as AsyncIterable<unknown>, call)
        : transport.serverStreaming(method, request, call);
    } catch (error) {
      throw failure(error, options, channel);
    }
  };
}

function transportCall(
  { metadata = Metadata(), signal, onHeader, onTrailer }: CallOptions,
  channel: Channel,
): TransportCall {
  return { metadata, deadlineMs: undefined, signal, onHeader, onTrailer, compressRequests: channel.compresses };
}

/** The error of a call: an AbortError if its signal has aborted it, else a ClientError without what the engine adds to it. */
function failure(error: unknown, { signal }: CallOptions, { maxReceiveBytes }: Channel): unknown {
  if (signal?.aborted && error instanceof ClientError && error.code === Status.CANCELLED) return abortError();
  if (!(error instanceof TransportError)) return error;
  const { path, code, details, tooLarge } = error;
  return new ClientError(path, code, tooLarge ? tooLargeText(maxReceiveBytes) : details);
}

function tooLargeText(maxBytes: number): string {
  return `response message is larger than ${maxBytes} bytes: raise grpc.max_receive_message_length of the channel, or request less at a time`;
}

function abortError(): DOMException {
  return new DOMException('The operation has been aborted', 'AbortError');
}
