import type { Engine, EngineMethod } from '../../../mesh/engines/engine.ts';
import { toStatus } from '../../../mesh/errors/to-status.ts';
import { createLogger } from '../../../mesh/telemetry/logger.ts';
import type { TestTarget } from '../test-service/start.ts';
import { startGrpcRelay } from './grpc-relay.ts';

const same = (bytes: Uint8Array) => bytes;

/** Responds immediately, reads all requests, and ends with them. The response is large enough to need several frames. */
const method: EngineMethod<Uint8Array, Uint8Array> = {
  path: '/h2spec.Cases/Answer',
  kind: 'bidi-streaming',
  encodeRequest: same,
  decodeRequest: same,
  encodeResponse: same,
  decodeResponse: same,
};

/** The path that h2spec requests. */
export const h2specPath = method.path;

/** Starts a server for h2spec. It allows few concurrent streams, so a case can exceed the limit. */
export async function startH2specServer(engine: Engine): Promise<TestTarget> {
  const logger = createLogger('silent');
  const host = engine.createServerHost({
    maxConcurrentStreams: 10,
    toStatus: (error, call) => toStatus(error, call, logger),
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
