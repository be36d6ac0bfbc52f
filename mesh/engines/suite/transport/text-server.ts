import { Metadata } from 'nice-grpc-common';
import { onTestFinished } from 'vitest';
import { toStatus } from '../../../errors/to-status.ts';
import { createLogger } from '../../../telemetry/logger.ts';
import type {
  Engine,
  EngineHandler,
  EngineMethod,
  MethodKind,
  ServerHost,
  Transport,
  TransportCall,
} from '../../engine.ts';

const logger = createLogger('silent');

/** A call without deadline and signal. */
export const call: TransportCall = { metadata: Metadata(), deadlineMs: undefined, signal: undefined };

/** A method whose messages are text. */
function textMethod(kind: MethodKind): EngineMethod<string, string> {
  const encode = (text: string) => Buffer.from(text);
  const decode = (bytes: Uint8Array) => Buffer.from(bytes).toString();
  const codec = { encodeRequest: encode, decodeRequest: decode, encodeResponse: encode, decodeResponse: decode };
  return { path: `/test.v1.TextService/${kind}`, kind, ...codec };
}

export const unary = textMethod('unary');
export const serverStreaming = textMethod('server-streaming');
export const clientStreaming = textMethod('client-streaming');
export const bidiStreaming = textMethod('bidi-streaming');

export async function serve(
  engine: Engine,
  handler: EngineHandler<string, string>,
  port = 0,
): Promise<{ host: ServerHost; port: number }> {
  const host = engine.createServerHost({ toStatus: (error, call) => toStatus(error, call, logger) });
  host.add(textMethod(handler.kind), handler);
  onTestFinished(() => host.drain(0));
  return { host, port: await host.listen(`127.0.0.1:${port}`) };
}

export function connect(engine: Engine, port: number): Transport {
  return connectAddress(engine, `127.0.0.1:${port}`);
}

export function connectAddress(engine: Engine, address: string): Transport {
  const transport = engine.connect(address);
  onTestFinished(() => transport.close());
  return transport;
}

export async function connectTo(engine: Engine, handler: EngineHandler<string, string>): Promise<Transport> {
  return connect(engine, (await serve(engine, handler)).port);
}

/** Returns its request. */
export const echo: EngineHandler<string, string> = { kind: 'unary', handle: async (read) => read() };
