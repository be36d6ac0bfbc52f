import { Metadata } from 'nice-grpc-common';
import { onTestFinished } from 'vitest';
import { toStatus } from '../../../errors/to-status.ts';
import { createLogger } from '../../../telemetry/logger.ts';
import type { EngineHandler, EngineMethod, MethodKind, TransportCall } from '../../engine.ts';
import type { RefusedCall } from '../../host-observer.ts';
import { nativeEngine } from '../../native/engine.ts';
import { withInProcessCalls } from '../engine.ts';

const logger = createLogger('silent');

/** A method whose messages are JSON. */
export function jsonMethod<Message>(kind: MethodKind): EngineMethod<Message, Message> {
  const encode = (message: Message) => Buffer.from(JSON.stringify(message));
  const decode = (bytes: Uint8Array): Message => JSON.parse(Buffer.from(bytes).toString());
  const codec = { encodeRequest: encode, decodeRequest: decode, encodeResponse: encode, decodeResponse: decode };
  return { path: `/t/${kind}`, kind, ...codec };
}

/** A call without metadata, deadline and signal, except what `given` has. */
export function callOf(given: Partial<TransportCall> = {}): TransportCall {
  return { metadata: Metadata(), deadlineMs: undefined, signal: undefined, ...given };
}

/** Serves one method at `/t/<kind>`, for a transport of the same process. `refused` is what the observer learns. */
export async function serveWithin<Message>({ handler }: { readonly handler: EngineHandler<Message, Message> }) {
  const engine = withInProcessCalls(nativeEngine);
  const refused: RefusedCall[] = [];
  const observer = { connectionEnded: () => undefined, callRefused: (call: RefusedCall) => void refused.push(call) };
  const host = engine.createServerHost({ observer, toStatus: (error, call) => toStatus(error, call, logger) });
  host.add(jsonMethod<Message>(handler.kind), handler);
  const address = `127.0.0.1:${await host.listen('127.0.0.1:0')}`;
  onTestFinished(() => host.drain(0));
  const transport = engine.connectInProcess(address);
  onTestFinished(() => transport.close());
  return { engine, host, address, transport, refused };
}
