import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';

// Asks the mesh process of this container for its health (grpc.health.v1, name "") and exits with 0 if it serves. It uses
// nothing but Node, because a container runs it every few seconds.

const timeoutMs = 4_000;
/** Field 1 of HealthCheckResponse, `status`, with the value SERVING. */
const serving = Buffer.from([0x08, 0x01]);
/** A gRPC message without fields: not compressed, 0 bytes. */
const emptyMessage = Buffer.alloc(5);

const { GRPC_LISTEN = '', TLS_CERT, TLS_KEY } = process.env;
const port = GRPC_LISTEN.slice(GRPC_LISTEN.lastIndexOf(':') + 1);

setTimeout(() => end(`no answer within ${timeoutMs} ms`), timeoutMs);
const session = open();
session.on('error', ({ message }) => end(message));
const call = session.request({
  ':method': 'POST',
  ':path': '/grpc.health.v1.Health/Check',
  'content-type': 'application/grpc',
  te: 'trailers',
});
const chunks: Buffer[] = [];
call.on('data', (chunk: Buffer) => chunks.push(chunk));
call.on('error', ({ message }) => end(message));
call.on('end', () => {
  const isServing = Buffer.concat(chunks).subarray(emptyMessage.length).equals(serving);
  end(isServing ? undefined : 'not serving: the log of the container says why');
});
call.end(emptyMessage);

function open(): ClientHttp2Session {
  if (!TLS_CERT) return connect(`http://127.0.0.1:${port}`);
  // Not verified: this is the container's own process, and nothing secret is sent. It may want a certificate: its own will do.
  const identity = TLS_KEY ? { cert: readFileSync(TLS_CERT), key: readFileSync(TLS_KEY) } : {};
  return connect(`https://127.0.0.1:${port}`, { ...identity, rejectUnauthorized: false });
}

function end(problem?: string): never {
  if (problem !== undefined) process.stderr.write(`${problem}\n`);
  process.exit(problem === undefined ? 0 : 1);
}
