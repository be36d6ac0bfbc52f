import { pathToFileURL } from 'node:url';
import { endpointsByAddress } from '../../../mesh/balancing/endpoint-source.ts';
import { type ClientFactory, createClientFactory } from '../../../mesh/client/client-factory.ts';
import { contractOpenApi } from '../../../mesh/contract/declared-services.ts';
import { createEdge } from '../../../mesh/edge/edge.ts';
import { nativeEngine } from '../../../mesh/engines/native/engine.ts';
import { createPrometheusMetrics } from '../../../mesh/metrics/prometheus/prometheus-metrics.ts';
import { createHealth } from '../../../mesh/server/health/health.ts';
import { createLogger } from '../../../mesh/telemetry/logger.ts';
import { systemClock as clock } from '../../../mesh/time/clock.ts';
import { loadConformanceContract } from './contract.ts';
import { readDelimited, writeDelimited } from './delimited.ts';
import { requestedStatus } from './requested-status.ts';
import { addConformanceService } from './service.ts';

// The edge under test: `node edge-server.ts <descriptor set>`. The service of the suite is behind it, and called by the client of the mesh.
// The runner sends what the server should be like to standard input, reads its address from standard output, and ends the process.

const contract = loadConformanceContract();
const descriptors = pathToFileURL(process.argv[2] ?? '');
const logger = createLogger('silent');

const host = nativeEngine.createServerHost({ toStatus: requestedStatus });
// The suite sends timeouts of at most 2 s; longer ones are the default of methods.
addConformanceService(host, contract, 2_000);
const address = `127.0.0.1:${await host.listen('127.0.0.1:0')}`;
const transport = nativeEngine.connect(address);
// Calls without retries and a breaker: every failure is one that the suite asks for.
const clients = createClientFactory({ endpoints: endpointsByAddress(nativeEngine, () => address), clock, logger });
const client: ClientFactory['client'] = (called) => clients.clientAt(called, { address, transport }) as never;

await warmUp(await start(undefined));
for await (const bytes of readDelimited(process.stdin)) {
  const { messageReceiveLimit } = contract.serverRequest.decode(bytes);
  const response = { host: '127.0.0.1', port: await start(messageReceiveLimit || undefined) };
  writeDelimited(process.stdout, contract.serverResponse.encode(response));
}

/** Starts an edge; resolves with its port. */
async function start(maxMessageBytes: number | undefined): Promise<number> {
  const edge = createEdge({
    descriptors,
    openApi: contractOpenApi,
    client,
    has: () => true,
    instancesOf: () => 1,
    maxWaitingBytes: 64 * 1024 * 1024,
    // The suite has headers of its own.
    metadataHeaders: ['*'],
    connections: { all: 1_000, ofAddress: 1_000 },
    ...(maxMessageBytes !== undefined && { maxMessageBytes }),
    health: createHealth(clock),
    draining: new AbortController().signal,
    clock,
    logger,
    metrics: createPrometheusMetrics({ clock, logger }),
  });
  const port = await edge.listen('127.0.0.1:0');
  edge.open();
  return port;
}

/** The suite allows 0.5 s until a handler starts, and the first calls of a process load and compile what they use. */
async function warmUp(port: number): Promise<void> {
  const service = `http://127.0.0.1:${port}/connectrpc.conformance.v1.ConformanceService`;
  const call = (method: string, type: string, body: Uint8Array<ArrayBuffer> | string) =>
    fetch(`${service}/${method}`, { method: 'POST', headers: { 'content-type': type }, body }).then((it) => it.bytes());
  await call('Unary', 'application/json', '{}');
  await call('Unary', 'application/proto', new Uint8Array());
  await call('ClientStream', 'application/connect+proto', new Uint8Array(5));
  await call('ServerStream', 'application/connect+proto', new Uint8Array(5));
  await call('ServerStream', 'application/grpc-web', new Uint8Array(5));
}
