import { Metadata } from 'nice-grpc-common';
import { Status as RpcStatus } from '../../../gen/ts/google/rpc/status.ts';
import type { ServerHostOptions } from '../../../mesh/engines/engine.ts';
import { type EngineName, engineByName } from '../../../mesh/engines/engines.ts';
import { statusDetailsKey } from '../../../mesh/errors/status-details.ts';
import { toStatus } from '../../../mesh/errors/to-status.ts';
import type { EndedCall, WireStatus } from '../../../mesh/errors/wire-status.ts';
import { createLogger } from '../../../mesh/telemetry/logger.ts';
import { loadConformanceContract } from './contract.ts';
import { readDelimited, writeDelimited } from './delimited.ts';
import type { ServerCompatRequest } from './messages.ts';
import { addConformanceService, RequestedError } from './service.ts';

// The server under test: `node server.ts <engine>`. The runner sends what it should be like to standard input, reads its
// address from standard output, and ends the process.

const contract = loadConformanceContract();
const engine = await engineByName(process.argv[2] as EngineName);
const logger = createLogger('silent');

for await (const bytes of readDelimited(process.stdin)) {
  const request = contract.serverRequest.decode(bytes);
  const host = engine.createServerHost({ ...hostOptions(request), toStatus: statusOf });
  addConformanceService(host, contract);
  const port = await host.listen('127.0.0.1:0');
  const pemCert = request.useTls ? request.serverCreds?.cert : undefined;
  const response = { host: '127.0.0.1', port, ...(pemCert && { pemCert }) };
  writeDelimited(process.stdout, contract.serverResponse.encode(response));
}

function hostOptions({
  useTls,
  serverCreds,
  clientTlsCert,
  messageReceiveLimit,
}: ServerCompatRequest): Omit<ServerHostOptions, 'toStatus'> {
  const limit = messageReceiveLimit ? { maxReceiveBytes: messageReceiveLimit } : {};
  if (!useTls || !serverCreds) return limit;
  const clientCa = clientTlsCert?.length ? Buffer.from(clientTlsCert) : undefined;
  return { ...limit, tls: { key: Buffer.from(serverCreds.key), cert: Buffer.from(serverCreds.cert), clientCa } };
}

function statusOf(error: unknown, call: EndedCall): WireStatus {
  if (!(error instanceof RequestedError)) {
    // The suite expects no other details than those that it asked for.
    return { ...toStatus(error, call, logger), metadata: Metadata() };
  }
  const { code, message, details } = error;
  const packed = details.map(({ type_url, value = new Uint8Array() }) => ({ typeUrl: type_url, value }));
  const metadata = Metadata();
  if (packed.length > 0) {
    metadata.set(statusDetailsKey, RpcStatus.encode({ code, message, details: packed }).finish());
  }
  return { code, details: message, metadata };
}
