import type { ClientHttp2Session } from 'node:http2';
import { onTestFinished } from 'vitest';
import { toStatus } from '../../../errors/to-status.ts';
import { rawCall, rawConnection } from '../../../server/testing/raw-call.ts';
import { createLogger } from '../../../telemetry/logger.ts';
import { grpcFrame } from '../../../testing/grpc-frame.ts';
import type {
  Engine,
  EngineCall,
  EngineHandler,
  EngineMethod,
  MethodKind,
  ReadRequest,
  ServerHost,
  ServerHostOptions,
} from '../../engine.ts';
import type { ConnectionEnd, RefusedCall } from '../../host-observer.ts';

const logger = createLogger('silent');

/** A server host without methods. */
export function createHost(engine: Engine, options: Partial<ServerHostOptions> = {}): ServerHost {
  return engine.createServerHost({ toStatus: (error, call) => toStatus(error, call, logger), ...options });
}

/** Starts a host whose methods are named `/t/<kind>`, with a connection to it. */
export function start(engine: Engine, ...handlers: EngineHandler<string, string>[]) {
  return startWith(engine, {}, ...handlers);
}

/** The same with options. `ended` and `refused` are what its observer learnt. */
export async function startWith(
  engine: Engine,
  options: Partial<ServerHostOptions>,
  ...handlers: EngineHandler<string, string>[]
) {
  const ended: ConnectionEnd[] = [];
  const refused: RefusedCall[] = [];
  const observer = {
    connectionEnded: (end: ConnectionEnd) => void ended.push(end),
    callRefused: (call: RefusedCall) => void refused.push(call),
  };
  const host = createHost(engine, { observer, ...options });
  for (const handler of handlers) host.add(textMethod(`/t/${handler.kind}`, handler.kind), handler);
  const port = await host.listen('127.0.0.1:0');
  onTestFinished(() => host.drain(0));
  const session = await rawConnection(`127.0.0.1:${port}`);
  session.on('error', () => undefined);
  onTestFinished(() => session.destroy());
  return { host, port, session, ended, refused };
}

/** Messages are UTF-8 text. 'X' cannot be decoded. */
export function textMethod(path: string, kind: MethodKind): EngineMethod<string, string> {
  const encode = (text: string) => Buffer.from(text);
  const decode = (bytes: Uint8Array) => {
    const text = Buffer.from(bytes).toString();
    if (text === 'X') throw new RangeError('index out of range');
    return text;
  };
  return { path, kind, encodeRequest: encode, decodeRequest: decode, encodeResponse: encode, decodeResponse: decode };
}

/** The frames of these messages. */
export function many(...texts: string[]): Buffer {
  return Buffer.concat(texts.map((text) => grpcFrame(Buffer.from(text))));
}

/** Makes a unary call. */
export function callUnary(session: ClientHttp2Session, body: string, headers: Record<string, string> = {}) {
  return rawCall(session, '/t/unary', many(body), headers);
}

/** Returns its request. */
export const echo: EngineHandler<string, string> = { kind: 'unary', handle: async (read) => read() };

/** A unary handler that shows its call, then returns the request or `answer`. */
export function see(look: (call: EngineCall) => void, answer?: Promise<string>): EngineHandler<string, string> {
  return {
    kind: 'unary',
    handle: async (read: ReadRequest<string>, call) => {
      look(call);
      return answer ?? read();
    },
  };
}

/** A unary handler that records its calls and never answers. */
export function hanging(): { readonly calls: EngineCall[]; readonly handler: EngineHandler<string, string> } {
  const calls: EngineCall[] = [];
  return {
    calls,
    handler: {
      kind: 'unary',
      handle: (_, call) => {
        calls.push(call);
        return new Promise(() => undefined);
      },
    },
  };
}
