import { Status } from 'nice-grpc-common';
import type { EngineCall, EngineMethod, MethodKind } from '../../../mesh/engines/engine.ts';
import { type EngineName, engineByName } from '../../../mesh/engines/engines.ts';
import { ErrorCode, Flag, FrameType } from '../../../mesh/engines/native/http2/codec/frames.ts';
import { createHpackDecoder } from '../../../mesh/engines/native/http2/hpack/decoder.ts';
import { toStatus } from '../../../mesh/errors/to-status.ts';
import { createLogger } from '../../../mesh/telemetry/logger.ts';
import { RawPeer, type SentFrame } from '../../attacks/support/raw-peer.ts';
import type { TestTarget } from '../test-service/start.ts';
import { nameOf } from './names.ts';

/** A rule for servers, with a request that puts it to the test. */
export interface ServerRule {
  /** The section of RFC 9113 or of gRPC's `PROTOCOL-HTTP2.md`, and what it says. */
  readonly rule: string;
  /** The frames of stream 1. */
  readonly send: Buffer;
  /** The frames that follow once the server has sent HEADERS. */
  readonly sendAfterHeader?: Buffer;
  /** How the stream ends: `OK`, another gRPC status, `HTTP 405`, `RST_STREAM PROTOCOL_ERROR` or `GOAWAY PROTOCOL_ERROR`. */
  readonly outcome: string;
  /** Fields of the response that must have these values; `undefined`: must be missing. */
  readonly fields?: Readonly<Record<string, string | undefined>>;
  /** How grpc-js differs, and why that is accepted. */
  readonly grpcJs?: { readonly outcome: string; readonly because: string };
}

/** What a server did with a stream. */
export interface Seen {
  readonly outcome: string;
  /** The fields of its header and its trailers. */
  readonly fields: Readonly<Record<string, string>>;
}

const text: Omit<EngineMethod<string, string>, 'path' | 'kind'> = {
  encodeRequest: (message) => Buffer.from(message),
  decodeRequest: (bytes) => Buffer.from(bytes).toString(),
  encodeResponse: (message) => Buffer.from(message),
  decodeResponse: (bytes) => Buffer.from(bytes).toString(),
};
const method = (kind: MethodKind): EngineMethod<string, string> => ({ ...text, path: `/rules/${kind}`, kind });

/** Serves one method of each kind. Responses repeat the requests; the request `fail` fails with header and trailer. */
export async function startRulesServer(name: EngineName): Promise<TestTarget> {
  const engine = await engineByName(name);
  const logger = createLogger('silent');
  const host = engine.createServerHost({
    toStatus: (error, call) => toStatus(error, call, logger),
    maxReceiveBytes: 1_000,
  });
  host.add(method('unary'), { kind: 'unary', handle: async (read, call) => respond(read(), call) });
  host.add(method('client-streaming'), {
    kind: 'client-streaming',
    handle: async (requests) => (await Array.fromAsync(requests)).join(),
  });
  host.add(method('server-streaming'), {
    kind: 'server-streaming',
    async *handle(read) {
      yield read();
    },
  });
  host.add(method('bidi-streaming'), {
    kind: 'bidi-streaming',
    async *handle(requests) {
      yield* requests;
    },
  });
  const port = await host.listen('127.0.0.1:0');
  return { port, stop: () => host.drain(0) };
}

function respond(request: string, call: EngineCall): string {
  if (request === 'seen') return JSON.stringify([...call.metadata]);
  if (request !== 'fail') return request;
  call.header.set('x-header', 'h');
  call.trailer.set('x-trailer', 't');
  throw new RangeError('a fault of the handler');
}

/** Sends frames on a connection of their own, and returns what the server did with stream 1. */
export async function see(port: number, { send, sendAfterHeader }: ServerRule): Promise<Seen> {
  using peer = await RawPeer.connect(port);
  await peer.send(send);
  if (sendAfterHeader !== undefined) {
    await peer.until(() => peer.of(FrameType.HEADERS, 1).length > 0);
    await peer.send(sendAfterHeader);
  }
  await Promise.race([peer.until(() => hasEnded(peer)), peer.closed]);
  const fields = fieldsOf(peer.of(FrameType.HEADERS, 1));
  return { outcome: outcomeOf(peer, fields), fields };
}

function hasEnded(peer: RawPeer): boolean {
  const ended = peer.frames.some(
    ({ streamId, type, flags }) => streamId === 1 && type <= 1 && (flags & Flag.END_STREAM) > 0,
  );
  return ended || peer.resetOf(1) !== undefined || (peer.goaway ?? 0) !== 0;
}

function outcomeOf(peer: RawPeer, fields: Seen['fields']): string {
  const { ':status': httpStatus, 'grpc-status': status } = fields;
  if ((peer.goaway ?? 0) !== 0) return `GOAWAY ${nameOf(ErrorCode, peer.goaway)}`;
  if (status !== undefined) return nameOf(Status, Number(status));
  const reset = peer.resetOf(1);
  if (httpStatus !== undefined && httpStatus !== '200') return `HTTP ${httpStatus}`;
  return reset === undefined ? 'no end' : `RST_STREAM ${nameOf(ErrorCode, reset)}`;
}

function fieldsOf(frames: readonly SentFrame[]): Seen['fields'] {
  const decoder = createHpackDecoder({ maxHeaderListBytes: 16 * 1024 });
  const fields: Record<string, string> = {};
  for (const { payload } of frames) {
    const list = decoder.decode(payload).fields;
    for (let index = 0; index < list.length; index += 2) fields[list[index] ?? ''] = list[index + 1] ?? '';
  }
  return fields;
}
