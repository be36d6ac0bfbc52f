import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Status } from 'nice-grpc-common';
import { MeshError } from '../../../errors/mesh-error.ts';
import type { ServerHost, ServerHostOptions, WireStatus } from '../../engine.ts';
import { listenError, parseListenAddress } from '../../listen-address.ts';
import { malformedTimeout, unknownMethod } from '../../refusals.ts';
import { Http2Connection } from '../http2/connection.ts';
import { ConnectionWatch, type Patience, serverPatience } from '../http2/connection-watch.ts';
import { literalFields } from '../http2/literal-fields.ts';
import type { MessageHead } from '../http2/message-head.ts';
import type { Http2Stream, StreamEvents } from '../http2/stream.ts';
import { acceptEncoding } from './compression.ts';
import { fieldsOf } from './metadata-fields.ts';
import { requestHeadOf } from './request-head.ts';
import { type HostedMethod, ServerCall, type ServerCallTools } from './server-call.ts';
import { statusFields } from './status-fields.ts';
import { TimerWheel } from './timer-wheel.ts';

/** What only this engine has. */
export interface NativeServerHostOptions extends ServerHostOptions {
  readonly patience?: Partial<Patience>;
}

/** Makes a server host on HTTP/2 of our own. */
export function createServerHost({
  maxReceiveBytes = 4 * 1024 * 1024,
  maxConcurrentStreams = 1_000,
  toStatus,
  patience,
}: NativeServerHostOptions): ServerHost {
  const watch = new ConnectionWatch({ ...serverPatience, ...patience }, { pingsIdle: true });
  const methods = new Map<string, HostedMethod>();
  const connections = new Set<Http2Connection>();
  const tools: ServerCallTools = { maxReceiveBytes, toStatus, timers: new TimerWheel() };
  const listener = createServer({ noDelay: true }, accept);
  let draining = false;
  let drained: Promise<void> | undefined;

  function accept(socket: Socket): void {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    const connection = new Http2Connection(
      socket,
      {
        role: 'server',
        maxConcurrentStreams,
        maxHeaderListBytes: 16 * 1024,
        streamWindowBytes: 256 * 1024,
        connectionWindowBytes: 1024 * 1024,
      },
      {
        request: (stream, head) => begin(stream, head, peer),
        closed() {
          connections.delete(connection);
          watch.remove(connection);
        },
      },
    );
    connections.add(connection);
    watch.add(connection);
    if (draining) connection.drain();
  }

  function begin(stream: Http2Stream, head: MessageHead, peer: string): StreamEvents {
    const request = requestHeadOf(head);
    const hosted = methods.get(request.path);
    if (head.list.tooLarge) return refuse(stream, request.path, headersTooLarge());
    if (!request.isPost) return refuseHttp(stream, '405');
    if (!request.isGrpc) return refuseHttp(stream, '415');
    if (hosted === undefined) return refuse(stream, request.path, unknownMethod(request.path));
    if (request.badTimeout !== undefined) return refuse(stream, request.path, malformedTimeout(request.badTimeout));
    if (request.unknownEncoding !== undefined) {
      return refuse(stream, request.path, unknownEncoding(request.unknownEncoding));
    }
    return new ServerCall(hosted, stream, head, request, peer, tools);
  }

  function refuse(stream: Http2Stream, path: string, error: MeshError): StreamEvents {
    const { code, details, metadata } = toStatus(error, path) satisfies WireStatus;
    const fields = [':status', '200', 'content-type', 'application/grpc+proto', ...statusFields(code, details)];
    stream.sendHeaders(literalFields([...fields, 'grpc-accept-encoding', acceptEncoding, ...fieldsOf(metadata)]), true);
    return ignoring(stream);
  }

  async function drain(graceMs: number): Promise<void> {
    draining = true;
    const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
    for (const connection of connections) connection.drain();
    const over = setTimeout(() => {
      for (const connection of connections) connection.destroy();
    }, graceMs);
    over.unref();
    await closed;
    clearTimeout(over);
  }

  return {
    add(method, handler) {
      methods.set(method.path, { method, handler } as HostedMethod);
    },
    async listen(address) {
      listener.listen(parseListenAddress(address));
      await once(listener, 'listening').catch((error) => Promise.reject(listenError(address, error)));
      return (listener.address() as AddressInfo).port;
    },
    drain(graceMs) {
      drained ??= drain(graceMs);
      return drained;
    },
  };
}

/** Answers what is no gRPC in terms of HTTP. */
function refuseHttp(stream: Http2Stream, status: string): StreamEvents {
  stream.sendHeaders(literalFields([':status', status]), true);
  return ignoring(stream);
}

/** Takes what still comes of a request that was refused. */
function ignoring(stream: Http2Stream): StreamEvents {
  return {
    data: (_, start, end) => stream.consumed(end - start),
    ended: () => undefined,
    aborted: () => undefined,
    writable: () => undefined,
  };
}

function headersTooLarge(): MeshError {
  const text = 'the metadata of the call is over 16 KiB: send less of it, or send it as part of the message';
  return new MeshError(Status.RESOURCE_EXHAUSTED, 'METADATA_TOO_LARGE', text);
}

function unknownEncoding(name: string): MeshError {
  const text = `messages compressed with ${name} cannot be read here: use one of ${acceptEncoding}`;
  return new MeshError(Status.UNIMPLEMENTED, 'UNKNOWN_ENCODING', text);
}
