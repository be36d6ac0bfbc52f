import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type sendUnaryData,
  Metadata as WireMetadata,
} from '@grpc/grpc-js';
import { undecodableMessage } from '../../errors/call-error.ts';
import type { EngineHandler, EngineMethod, WireStatus } from '../engine.ts';
import { toBuffer, toWireMetadata } from './metadata.ts';
import { readAll } from './request-stream.ts';
import { writeAll } from './response-writer.ts';
import { ServerCall } from './server-call.ts';

/** A method of the host: messages are bytes to grpc-js, so that faults of the codec pass our gate and not its own. */
export interface HostedMethod<Request, Response> {
  readonly path: string;
  readonly decode: (bytes: Buffer) => Request;
  readonly encode: (message: Response) => Buffer;
  readonly toStatus: (error: unknown) => WireStatus;
}

type Handle<Kind, Request, Response> = Extract<EngineHandler<Request, Response>, { kind: Kind }>['handle'];

export function hostedMethod<Request, Response>(
  method: EngineMethod<Request, Response>,
  toStatus: (error: unknown, path: string) => WireStatus,
): HostedMethod<Request, Response> {
  return {
    path: method.path,
    decode: (bytes) => {
      try {
        return method.decodeRequest(bytes);
      } catch (error) {
        throw undecodableMessage(method.path, error);
      }
    },
    encode: (message) => toBuffer(method.encodeResponse(message)),
    toStatus: (error) => toStatus(error, method.path),
  };
}

/** One message in, one out. */
export function serveUnary<Request, Response>(
  method: HostedMethod<Request, Response>,
  handle: Handle<'unary', Request, Response>,
): handleUnaryCall<Buffer, Buffer> {
  return async (raw, callback) => {
    const call = new ServerCall(method.path, raw, (error) => callback(failure(method, error, call)));
    try {
      answer(call, method.encode(await handle(method.decode(raw.request), call)), callback);
    } catch (error) {
      call.fail(error);
    }
  };
}

/** Many messages in, one out. */
export function serveClientStreaming<Request, Response>(
  method: HostedMethod<Request, Response>,
  handle: Handle<'client-streaming', Request, Response>,
): handleClientStreamingCall<Buffer, Buffer> {
  return async (raw, callback) => {
    const call = new ServerCall(method.path, raw, (error) => callback(failure(method, error, call)));
    try {
      answer(call, method.encode(await handle(readAll(raw, method.decode), call)), callback);
    } catch (error) {
      call.fail(error);
    }
  };
}

/** One message in, many out. */
export function serveServerStreaming<Request, Response>(
  method: HostedMethod<Request, Response>,
  handle: Handle<'server-streaming', Request, Response>,
): handleServerStreamingCall<Buffer, Buffer> {
  return async (raw) => {
    const call = new ServerCall(method.path, raw, (error) => raw.emit('error', failure(method, error, call)));
    try {
      await writeAll(handle(method.decode(raw.request), call), call, raw, method.encode);
    } catch (error) {
      call.fail(error);
    }
  };
}

/** Many messages in, many out, independently. */
export function serveBidiStreaming<Request, Response>(
  method: HostedMethod<Request, Response>,
  handle: Handle<'bidi-streaming', Request, Response>,
): handleBidiStreamingCall<Buffer, Buffer> {
  return async (raw) => {
    const call = new ServerCall(method.path, raw, (error) => raw.emit('error', failure(method, error, call)));
    try {
      await writeAll(handle(readAll(raw, method.decode), call), call, raw, method.encode);
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

function failure(method: Pick<HostedMethod<never, never>, 'toStatus'>, error: unknown, call: ServerCall) {
  const { code, details, metadata } = method.toStatus(error);
  return { code, details, metadata: call.trailers(toWireMetadata(metadata)) ?? new WireMetadata() };
}
