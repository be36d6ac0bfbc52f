import type { ClientTls, Transport } from '../../../mesh/engines/engine.ts';
import { fixedIdentity } from '../../../mesh/engines/tls/fixed-identity.ts';
import { testedEngine } from '../support/tested-engine.ts';
import { loadConformanceContract } from './contract.ts';
import { readDelimited, writeDelimited } from './delimited.ts';
import { makeCall } from './make-call.ts';
import type { ClientCompatRequest, ClientCompatResponse } from './messages.ts';

// The client under test: `node client.ts <engine, or path of the module of @ordermesh/grpc>`. The runner sends the calls to make
// to standard input, and reads from standard output how each ended.

/** More at a time would only delay the calls that measure time. */
const maxCalls = 8;

const contract = loadConformanceContract();
const engine = await testedEngine(process.argv[2] ?? '');
const transports = new Map<string, Transport>();
const running = new Set<Promise<void>>();

for await (const bytes of readDelimited(process.stdin)) {
  const call = answer(contract.clientRequest.decode(bytes)).finally(() => running.delete(call));
  running.add(call);
  if (running.size >= maxCalls) await Promise.race(running);
}
await Promise.all(running);
for (const transport of transports.values()) transport.close();

async function answer(request: ClientCompatRequest): Promise<void> {
  const { testName } = request;
  let response: ClientCompatResponse;
  try {
    response = { testName, response: await makeCall(transportFor(request), contract, request) };
  } catch (error) {
    response = { testName, error: { message: String(error instanceof Error ? error.stack : error) } };
  }
  writeDelimited(process.stdout, contract.clientResponse.encode(response));
}

/** Calls to a server share a connection. */
function transportFor(request: ClientCompatRequest): Transport {
  const address = `${request.host}:${request.port}`;
  const hasCertificate = request.clientTlsCreds !== undefined;
  const key = `${address} ${hasCertificate}`;
  const transport = transports.get(key) ?? engine.connect(address, { tls: tlsOf(request) });
  transports.set(key, transport);
  return transport;
}

function tlsOf({ serverTlsCert, clientTlsCreds }: ClientCompatRequest): ClientTls | undefined {
  if (!serverTlsCert?.length) return undefined;
  const ca = Buffer.from(serverTlsCert);
  if (!clientTlsCreds) return { ca };
  const { key, cert } = clientTlsCreds;
  return { identity: fixedIdentity({ key: Buffer.from(key), cert: Buffer.from(cert), ca }) };
}
