import { connect, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { NoAlpnError } from '../../../connect-fault.ts';
import type { ClientContext } from '../../../tls/client-context.ts';
import { alpnProtocol } from '../../../tls/secure-context.ts';

// TCP finds a machine that is gone, and costs the server nothing.
const keepAliveDelayMs = 30_000;

/** Where to connect to, and how. `tls` is `undefined` without TLS. */
export type Target = ({ readonly host: string; readonly port: number } | { readonly path: string }) & {
  readonly tls: ClientContext | undefined;
};

/**
 * Connects, over TLS with HTTP/2 negotiated by ALPN. Exactly one of `connected` and `failed` is called, unless the returned
 * socket is destroyed before.
 */
export function dial(
  target: Target,
  timeoutMs: number,
  connected: (socket: Socket) => void,
  failed: (error: Error) => void,
): Socket {
  const { tls, ...where } = target;
  const socket = tls === undefined ? connect({ ...where, noDelay: true }) : tlsConnect({ ...where, ...tls.options() });
  socket.setKeepAlive(true, keepAliveDelayMs);
  const timer = setTimeout(() => socket.destroy(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs);
  socket.once('close', () => clearTimeout(timer));
  socket.once('error', failed);
  socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
    clearTimeout(timer);
    if ('alpnProtocol' in socket && socket.alpnProtocol !== alpnProtocol) {
      socket.destroy(new NoAlpnError());
      return;
    }
    socket.off('error', failed);
    connected(socket);
  });
  return socket;
}
