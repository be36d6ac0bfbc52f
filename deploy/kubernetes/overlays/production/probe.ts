import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';

// Asks the process in this container for the health of a name (grpc.health.v1), over TLS with the process's own certificate.
// Exits with 0 if it serves. Runs alone: Kubernetes mounts this file, and nothing of the mesh.

const [name = ''] = process.argv.slice(2);
const { GRPC_LISTEN = '', TLS_CERT = '', TLS_KEY = '', TLS_CA = '' } = process.env;
const port = GRPC_LISTEN.slice(GRPC_LISTEN.lastIndexOf(':') + 1);
const timeoutMs = 4_000;

const cert = readFileSync(TLS_CERT);
const files = { cert, key: readFileSync(TLS_KEY), ca: [readFileSync(TLS_CA), cert] };
// Nobody else can listen there, and certificates name services, not this address.
const session = connect(`https://127.0.0.1:${port}`, { ...files, checkServerIdentity: () => undefined });
session.on('error', (error) => fail(error.message));
setTimeout(() => fail(`no answer within ${timeoutMs} ms`), timeoutMs);

const request = session.request({
  ':method': 'POST',
  ':path': '/grpc.health.v1.Health/Check',
  'content-type': 'application/grpc',
  te: 'trailers',
  'grpc-timeout': `${timeoutMs}m`,
});
const answer: Buffer[] = [];
let status: unknown;
const readStatus = (headers: { readonly 'grpc-status'?: unknown }) => {
  status = headers['grpc-status'] ?? status;
};
request.on('error', (error) => fail(error.message));
request.on('response', readStatus);
request.on('trailers', readStatus);
request.on('data', (chunk: Buffer) => answer.push(chunk));
request.on('end', () => {
  // A message is a flag, its length in 4 bytes, and here field 1 (0x08): 1 is SERVING.
  const isServing =
    status === '0' &&
    Buffer.concat(answer)
      .subarray(5)
      .equals(Buffer.from([0x08, 1]));
  if (!isServing) fail(`gRPC status ${status}, or not serving`);
  process.exit(0);
});
const text = Buffer.from(name);
const message = text.length === 0 ? text : Buffer.concat([Buffer.from([0x0a, text.length]), text]);
const head = Buffer.alloc(5);
head.writeUInt32BE(message.length, 1);
request.end(Buffer.concat([head, message]));

function fail(problem: string): never {
  console.error(`health of "${name}" on port ${port}: ${problem}`);
  process.exit(1);
}
