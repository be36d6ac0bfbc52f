import { once } from 'node:events';
import { connect } from 'node:net';
import { type HttpAnswer, readAnswer } from './read-answer.ts';

/** A request as it is sent: nothing of it is normalised or checked. */
export interface RawRequest {
  readonly verb: string;
  readonly target: string;
  /** An empty one is left out. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: none. `bytes` are in place of it. */
  readonly body?: string;
  readonly bytes?: Uint8Array;
}

const timeoutMs = 10_000;

/** Sends a request to `host:port` on a connection of its own, and returns the answer. Throws if there is none in 10 s. */
export async function exchange(address: string, request: RawRequest): Promise<HttpAnswer> {
  const [host = '', port] = address.split(':');
  const socket = connect({ host, port: Number(port), timeout: timeoutMs });
  try {
    socket.once('timeout', () => socket.destroy(new Error(`no answer to ${request.verb} ${request.target}`)));
    await once(socket, 'connect');
    socket.write(bytesOf(address, request));
    return readAnswer(Buffer.concat(await Array.fromAsync<Buffer>(socket)), request.verb === 'HEAD');
  } finally {
    socket.destroy();
  }
}

function bytesOf(host: string, { verb, target, headers = {}, body, bytes }: RawRequest): Buffer {
  const content = bytes ?? (body === undefined ? undefined : Buffer.from(body));
  const all = {
    host,
    connection: 'close',
    ...(content !== undefined && { 'content-type': 'application/json', 'content-length': String(content.length) }),
    ...headers,
  };
  const fields = Object.entries(all).filter(([, value]) => value !== '');
  const lines = [`${verb} ${target} HTTP/1.1`, ...fields.map(([name, value]) => `${name}: ${value}`)];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), content ?? Buffer.alloc(0)]);
}
