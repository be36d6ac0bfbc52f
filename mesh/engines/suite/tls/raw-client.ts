import { once } from 'node:events';
import { type ConnectionOptions, connect } from 'node:tls';
import { onTestFinished } from 'vitest';
import { grpcFrame } from '../../../testing/grpc-frame.ts';
import { http2Frame } from '../../../testing/http2-frame.ts';
import { literalFields } from '../../native/http2/codec/literal-fields.ts';

const [data, headers, settings] = [0, 1, 4];
const [endStream, endHeaders] = [1, 4];

/** A client of the running test that reads nothing of what the server asks it to do. */
export interface RawClient {
  /** Sends a request with an empty message. */
  send(streamId: number, path: string): void;
  /** Resolves when the server has closed the connection. */
  readonly closed: Promise<unknown>;
}

/** Connects to `port` on this machine. */
export async function openRawClient(port: number, options: ConnectionOptions): Promise<RawClient> {
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ALPNProtocols: ['h2'], ...options });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'secureConnect');
  socket.on('error', () => undefined).resume();
  socket.write(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${http2Frame(settings, 0, 0).toString('latin1')}`, 'latin1');
  return {
    send(streamId, path) {
      const fields = [':method', 'POST', ':scheme', 'https', ':path', path, ':authority', 'localhost'];
      const block = literalFields([...fields, 'content-type', 'application/grpc', 'te', 'trailers']);
      socket.write(http2Frame(headers, endHeaders, streamId, block));
      socket.write(http2Frame(data, endStream, streamId, grpcFrame(new Uint8Array())));
    },
    closed: once(socket, 'close'),
  };
}
