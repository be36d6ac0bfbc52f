import { pino } from 'pino';
import type { EngineMethod } from '../../../mesh/engines/engine.ts';
import { type EngineName, engineByName } from '../../../mesh/engines/engines.ts';
import { toStatus } from '../../../mesh/errors/to-status.ts';
import type { TestTarget } from '../test-service/start.ts';
import { startGrpcRelay } from './grpc-relay.ts';

const same = (bytes: Uint8Array) => bytes;

/** Answers at once, reads what comes, and ends when that ends. Its answer is large enough to be sent in pieces. */
const method: EngineMethod<Uint8Array, Uint8Array> = {
  path: '/h2spec.Cases/Answer',
  kind: 'bidi-streaming',
  encodeRequest: same,
  decodeRequest: same,
  encodeResponse: same,
  decodeResponse: same,
};

/** What h2spec asks for. */
export const h2specPath = method.path;

/** A server for h2spec on an engine. It has few streams open at once, so that a case can open more. */
export async function startH2specServer(engineName: EngineName): Promise<TestTarget> {
  const engine = await engineByName(engineName);
  const logger = pino({ level: 'silent' });
  const host = engine.createServerHost({
    maxConcurrentStreams: 10,
    toStatus: (error, path) => toStatus(error, path, logger),
  });
  host.add(method, { kind: 'bidi-streaming', handle: answer });
  const relay = await startGrpcRelay(await host.listen('127.0.0.1:0'));
  const stop = async () => {
    await relay.stop();
    await host.drain(0);
  };
  return { port: relay.port, stop };
}

async function* answer(requests: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(100);
  for await (const _ of requests);
}
