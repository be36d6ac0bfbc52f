import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Metadata, Status } from 'nice-grpc-common';
import type { EngineMethod, MethodKind, Transport, TransportCall } from '../../../mesh/engines/engine.ts';
import { type EngineName, engineByName } from '../../../mesh/engines/engines.ts';
import { clientPreface, ErrorCode, Flag, FrameType } from '../../../mesh/engines/native/http2/codec/frames.ts';
import { type Frame, onFrame } from '../../../mesh/engines/native/testing/hpack-frames.ts';
import { TransportError } from '../../../mesh/engines/transport-error.ts';
import { eventually } from '../../../mesh/testing/eventually.ts';
import { settings } from '../../attacks/support/frames.ts';
import { nameOf } from './names.ts';

/** A rule for clients, with a response that puts it to the test. */
export interface ClientRule {
  /** The section of RFC 9113 or of gRPC's documents, and what it says. */
  readonly rule: string;
  /** Default: `unary`. */
  readonly kind?: MethodKind;
  /** The frames with which the server answers a request on this stream of its first, second, … connection. */
  readonly answer: (streamId: number, connection: number) => Buffer;
  /** `OK` or another gRPC status. */
  readonly outcome: string;
  /** The messages that the caller gets before that. */
  readonly messages?: readonly string[];
  /** The text of the status. */
  readonly text?: string;
  /** What the client sends back: `RST_STREAM PROTOCOL_ERROR` or `GOAWAY PROTOCOL_ERROR`. */
  readonly sends?: string;
  /** How grpc-js differs, and why that is accepted. */
  readonly grpcJs?: Pick<ClientRule, 'outcome' | 'messages' | 'text'> & { readonly because: string };
}

/** What the caller got. */
export interface Got {
  readonly outcome: string;
  readonly messages: readonly string[];
  readonly text: string;
}

export function textMethod(kind: MethodKind): EngineMethod<string, string> {
  const encode = (text: string) => Buffer.from(text);
  const decode = (bytes: Uint8Array) => Buffer.from(bytes).toString();
  const codec = { encodeRequest: encode, decodeRequest: decode, encodeResponse: encode, decodeResponse: decode };
  return { path: `/rules/${kind}`, kind, ...codec };
}

/** A server that answers requests with the frames of a rule. */
export class RuleServer implements AsyncDisposable {
  readonly frames: Frame[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((socket) => this.#accept(socket));
  readonly #rule: ClientRule;

  private constructor(rule: ClientRule) {
    this.#rule = rule;
  }

  static async start(rule: ClientRule): Promise<RuleServer> {
    const server = new RuleServer(rule);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Waits until the client has sent this. */
  async sawSent(expected: string): Promise<void> {
    await eventually(() => {
      const sent = this.frames.flatMap(errorOf);
      if (!sent.includes(expected)) throw new Error(`the client sent ${sent.join() || 'no error'} and not ${expected}`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    const connection = this.#sockets.size;
    socket.write(settings());
    onFrame(socket, clientPreface.length, (frame) => {
      this.frames.push(frame);
      if (this.#begins(frame)) socket.write(this.#rule.answer(frame.streamId, connection));
    });
  }

  /** Whether the answer follows this frame: the end of the request, or its header if there is a stream of them. */
  #begins({ type, flags }: Frame): boolean {
    const { kind = 'unary' } = this.#rule;
    if (kind === 'client-streaming' || kind === 'bidi-streaming') return type === FrameType.HEADERS;
    return type <= FrameType.HEADERS && (flags & Flag.END_STREAM) !== 0;
  }
}

function errorOf({ type, payload }: Frame): string[] {
  if (type === FrameType.RST_STREAM) return [`RST_STREAM ${nameOf(ErrorCode, payload.readUInt32BE(0))}`];
  return type === FrameType.GOAWAY ? [`GOAWAY ${nameOf(ErrorCode, payload.readUInt32BE(4))}`] : [];
}

/** Makes a call over a connection of its own. */
export async function get(engine: EngineName, address: string, kind: MethodKind = 'unary'): Promise<Got> {
  const transport = (await engineByName(engine)).connect(address);
  const messages: string[] = [];
  try {
    for await (const message of responses(transport, kind)) messages.push(message);
    return { outcome: 'OK', messages, text: '' };
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    return { outcome: nameOf(Status, error.code), messages, text: error.details };
  } finally {
    transport.close();
  }
}

async function* responses(transport: Transport, kind: MethodKind): AsyncGenerator<string, void, undefined> {
  const method = textMethod(kind);
  const call: TransportCall = { metadata: Metadata(), deadlineMs: Date.now() + 10_000, signal: undefined };
  if (kind === 'unary') yield await transport.unary(method, 'a', call);
  else if (kind === 'client-streaming') yield await transport.clientStreaming(method, endless(), call);
  else if (kind === 'server-streaming') yield* transport.serverStreaming(method, 'a', call);
  else yield* transport.bidiStreaming(method, endless(), call);
}

/** One request, after which the stream of requests stays open. */
async function* endless(): AsyncGenerator<string, void, undefined> {
  yield 'a';
  await new Promise(() => undefined);
}
