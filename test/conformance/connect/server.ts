import { Metadata } from 'nice-grpc-common';
import type { ServerHostOptions } from '../../../mesh/engines/engine.ts';
import { fixedIdentity } from '../../../mesh/engines/tls/fixed-identity.ts';
import { engineBehindGateway } from '../../../mesh/testing/engine-behind-gateway.ts';
import { testedEngine } from '../support/tested-engine.ts';
import { loadConformanceContract } from './contract.ts';
import { readDelimited, writeDelimited } from './delimited.ts';
import type { ServerCompatRequest, StreamRequest } from './messages.ts';
import { requestedStatus } from './requested-status.ts';
import { addConformanceService } from './service.ts';

// The server under test: `node server.ts <engine, or path of the module of @ordermesh/grpc> [behind-gateway]`. The runner sends
// what it should be like to standard input, reads its address from standard output, and ends the process.

const contract = loadConformanceContract();
const [, , engineName = '', gateway] = process.argv;
const engine = gateway === undefined ? await testedEngine(engineName) : engineBehindGateway;

await warmUp();
for await (const bytes of readDelimited(process.stdin)) {
  const request = contract.serverRequest.decode(bytes);
  const host = engine.createServerHost({ ...hostOptions(request), toStatus: requestedStatus });
  addConformanceService(host, contract);
  const port = await host.listen('127.0.0.1:0');
  const pemCert = request.useTls ? request.serverCreds?.cert : undefined;
  const response = { host: '127.0.0.1', port, ...(pemCert && { pemCert }) };
  writeDelimited(process.stdout, contract.serverResponse.encode(response));
}

/**
 * Makes calls of each kind. The suite allows 0.5 s from the headers of a call to its handler, and the first calls of a process
 * load and compile what they use.
 */
async function warmUp(): Promise<void> {
  const host = engine.createServerHost({ toStatus: requestedStatus });
  addConformanceService(host, contract);
  const transport = engine.connect(`127.0.0.1:${await host.listen('127.0.0.1:0')}`);
  const { unary, clientStream, serverStream, bidiStream } = contract;
  const call = { metadata: Metadata(), deadlineMs: undefined, signal: undefined, compressRequests: true };
  const requests = async function* <Request>(request: Request) {
    yield request;
  };
  await transport.unary(unary, {}, call);
  await transport.clientStreaming(clientStream, requests({}), call);
  const responseDefinition = { responseHeaders: [], responseTrailers: [], responseData: [new Uint8Array(1)] };
  const streamed: StreamRequest = { responseDefinition };
  await Array.fromAsync(transport.serverStreaming(serverStream, streamed, call));
  await Array.fromAsync(transport.bidiStreaming(bidiStream, requests(streamed), call));
  transport.close();
  await host.drain(0);
}

function hostOptions({
  useTls,
  serverCreds,
  clientTlsCert,
  messageReceiveLimit,
}: ServerCompatRequest): Omit<ServerHostOptions, 'toStatus'> {
  const limit = messageReceiveLimit ? { maxReceiveBytes: messageReceiveLimit } : {};
  if (!useTls || !serverCreds) return limit;
  const ca = Buffer.from(clientTlsCert ?? []);
  const identity = fixedIdentity({ key: Buffer.from(serverCreds.key), cert: Buffer.from(serverCreds.cert), ca });
  return { ...limit, tls: { identity, clients: ca.length > 0 ? 'required' : 'none' } };
}
