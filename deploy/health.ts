import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';

// Asks the mesh process of this container for the health (grpc.health.v1) of a name, by default "", and exits with 0 if it
// serves: `node deploy/health.ts ordermesh.process`. It uses nothing but Node, because a container runs it every few seconds.

const timeoutMs = 4_000;
/** Field 1 of HealthCheckResponse, `status`, with the value SERVING. */
const serving = Buffer.from([0x08, 0x01]);
/** Of a gRPC message: whether it is compressed, and its length. */
const prefixBytes = 5;

const [name = ''] = process.argv.slice(2);
const { GRPC_LISTEN = '', TLS_CERT, TLS_KEY } = process.env;
/** A process that listens on all addresses has this one. */
const anyAddress: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '[::]': '[::1]' };
const [, host = '', port = ''] = /^(.*):([^:]*)$/.exec(GRPC_LISTEN) ?? [];
const authority = `${anyAddress[host] ?? host}:${port}`;

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
  const isServing = Buffer.concat(chunks).subarray(prefixBytes).equals(serving);
  end(isServing ? undefined : `${JSON.stringify(name)} is not serving: the log of the container says why`);
});
call.end(requestFor(name));

/** HealthCheckRequest, whose field 1 is the name. */
function requestFor(name: string): Buffer {
  const text = Buffer.from(name);
  const message = text.length === 0 ? text : Buffer.concat([Buffer.from([0x0a, text.length]), text]);
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function open(): ClientHttp2Session {
  if (!TLS_CERT) return connect(`http://${authority}`);
  // Not verified: this is the container's own process, and nothing secret is sent. It may want a certificate: its own will do.
  const identity = TLS_KEY ? { cert: readFileSync(TLS_CERT), key: readFileSync(TLS_KEY) } : {};
  return connect(`https://${authority}`, { ...identity, rejectUnauthorized: false });
}

function end(problem?: string): never {
  if (problem !== undefined) process.stderr.write(`${problem}\n`);
  process.exit(problem === undefined ? 0 : 1);
}
