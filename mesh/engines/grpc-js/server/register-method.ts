import type { Readable } from 'node:stream';
import type { Server as GrpcJsServer } from '@grpc/grpc-js';
import type { EngineHandler, EngineMethod, ServerHostOptions } from '../../engine.ts';
import { malformedRequest } from '../../errors.ts';
import type { RawCall } from './server-call.ts';
import { type HostedMethod, hostedMethod, respondMany, respondOnce } from './server-handlers.ts';
import { endsWithinMessage, isReset } from './tuned-server.ts';

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
  const readMany = (raw: ManyRequests) => readAll(raw, hosted);
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

/**
 * The messages of a streamed request, read as fast as they are requested; flow control stops the peer meanwhile. Throws an
 * AbortError if the call ends before the requests do, and INTERNAL
 * `MALFORMED_REQUEST` if they end within a message.
 */
async function* readAll<Request>(
  raw: Readable & { readonly cancelled: boolean },
  { path, decode }: Pick<HostedMethod<Request, unknown>, 'path' | 'decode'>,
): AsyncGenerator<Request, void, undefined> {
  try {
    // A handler may stop reading and still respond, and grpc-js needs the stream for that.
    for await (const bytes of raw.iterator({ destroyOnReturn: false })) yield decode(bytes);
  } catch (error) {
    throw raw.cancelled ? callEnded() : error;
  }
  // In grpc-js, a stream that was reset looks at first like a complete one.
  if (isReset(raw)) throw callEnded();
  // grpc-js passes over the part of a message at the end.
  if (endsWithinMessage(raw)) throw malformedRequest({ path });
}

function callEnded(): DOMException {
  return new DOMException('the call ended before its requests did', 'AbortError');
}
