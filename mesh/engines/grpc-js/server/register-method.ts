import type { Readable } from 'node:stream';
import type { Server as GrpcJsServer } from '@grpc/grpc-js';
import type { EngineHandler, EngineMethod, ServerHostOptions } from '../../engine.ts';
import { readAll } from './request-stream.ts';
import type { RawCall } from './server-call.ts';
import { hostedMethod, respondMany, respondOnce } from './server-handlers.ts';

type OneRequest = RawCall & { readonly request: Buffer };
type ManyRequests = RawCall & Readable;

// grpc-js handles messages as bytes, so a fault of the codec becomes a status here and not in grpc-js.
const identity = (bytes: Buffer) => bytes;

/** Adds a method to a grpc-js server as a raw handler, without a service definition. */
export function registerMethod<Request, Response>(
  server: GrpcJsServer,
  method: EngineMethod<Request, Response>,
  handler: EngineHandler<Request, Response>,
  toStatus: ServerHostOptions['toStatus'],
): void {
  const hosted = hostedMethod(method, toStatus);
  const readOne = (raw: OneRequest) => () => hosted.decode(raw.request);
  const readMany = (raw: ManyRequests) => readAll(raw, hosted.decode);
  switch (handler.kind) {
    case 'unary':
      server.register(method.path, respondOnce(hosted, handler.handle, readOne), identity, identity, 'unary');
      break;
    case 'client-streaming':
      server.register(method.path, respondOnce(hosted, handler.handle, readMany), identity, identity, 'clientStream');
      break;
    case 'server-streaming':
      server.register(method.path, respondMany(hosted, handler.handle, readOne), identity, identity, 'serverStream');
      break;
    case 'bidi-streaming':
      server.register(method.path, respondMany(hosted, handler.handle, readMany), identity, identity, 'bidi');
      break;
  }
}
