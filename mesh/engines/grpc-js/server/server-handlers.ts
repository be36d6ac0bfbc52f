import type { sendUnaryData } from '@grpc/grpc-js';
import { undecodableMessage } from '../../../errors/errors.ts';
import type { EndedCall, WireStatus } from '../../../errors/wire-status.ts';
import type { EngineCall, EngineMethod } from '../../engine.ts';
import { toBuffer, toWireMetadata } from '../metadata.ts';
import { type ReplyStream, writeAll } from './response-writer.ts';
import { type RawCall, ServerCall } from './server-call.ts';

/** A method of the host, with its codecs and its error mapping. */
export interface HostedMethod<Request, Response> {
  readonly path: string;
  readonly decode: (bytes: Buffer) => Request;
  readonly encode: (message: Response) => Buffer;
  readonly toStatus: (error: unknown, call: EndedCall) => WireStatus;
}

export function hostedMethod<Request, Response>(
  method: EngineMethod<Request, Response>,
  toStatus: (error: unknown, call: EndedCall) => WireStatus,
): HostedMethod<Request, Response> {
  return {
    path: method.path,
    decode: (bytes) => {
      try {
        return method.decodeRequest(bytes);
      } catch (error) {
        throw undecodableMessage({ path: method.path }, { cause: error });
      }
    },
    encode: (message) => toBuffer(method.encodeResponse(message)),
    toStatus,
  };
}

/** Serves a method with one response. `read` returns its request, or the stream of requests. */
export function respondOnce<Raw extends RawCall, Input, Response>(
  method: Omit<HostedMethod<unknown, Response>, 'decode'>,
  handle: (input: Input, call: EngineCall) => Promise<Response>,
  read: (raw: Raw) => Input,
): (raw: Raw, callback: sendUnaryData<Buffer>) => Promise<void> {
  return async (raw, callback) => {
    const call = new ServerCall(method.path, raw, (error) => callback(failure(method, error, call)));
    try {
      answer(call, method.encode(await handle(read(raw), call)), callback);
    } catch (error) {
      call.fail(error);
    }
  };
}

/** Serves a method with a stream of responses. */
export function respondMany<Raw extends RawCall, Input, Response>(
  method: Omit<HostedMethod<unknown, Response>, 'decode'>,
  handle: (input: Input, call: EngineCall) => AsyncIterable<Response>,
  read: (raw: Raw) => Input,
): (raw: Raw & ReplyStream) => Promise<void> {
  return async (raw) => {
    const call = new ServerCall(method.path, raw, (error) => raw.emit('error', failure(method, error, call)));
    try {
      await writeAll(handle(read(raw), call), call, raw, method.encode);
    } catch (error) {
      call.fail(error);
    }
  };
}

function answer(call: ServerCall, bytes: Buffer, callback: sendUnaryData<Buffer>): void {
  if (!call.end()) return;
  call.sendHeader();
  callback(null, bytes, call.trailers());
}

function failure(method: Pick<HostedMethod<unknown, unknown>, 'toStatus'>, error: unknown, call: ServerCall) {
  const handlers = call.trailerWithFailure();
  const { path, requestId } = call;
  const { code, details, metadata } = method.toStatus(error, { path, requestId, otherBytes: handlers.bytes });
  return { code, details, metadata: toWireMetadata(handlers.metadata, toWireMetadata(metadata)) };
}
