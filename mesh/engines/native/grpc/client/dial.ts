import { connect, isIP, type Socket } from 'node:net';
import { type SecureContext, connect as tlsConnect } from 'node:tls';
import { NoAlpnError } from '../../../connect-fault.ts';
import { alpnProtocol } from '../../../tls/secure-context.ts';

// TCP finds a machine that is gone, and costs the server nothing.
const keepAliveDelayMs = 30_000;

/** Where to connect to, and how. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** Default: without TLS. */
  readonly secureContext: SecureContext | undefined;
  /** The name that the server's certificate must have. Default: the host. */
  readonly serverName: string | undefined;
}

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
  const { secureContext } = target;
  const socket = secureContext === undefined ? connect({ ...target, noDelay: true }) : dialTls(target, secureContext);
  socket.setKeepAlive(true, keepAliveDelayMs);
  const timer = setTimeout(() => socket.destroy(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs);
  socket.once('close', () => clearTimeout(timer));
  socket.once('error', failed);
  socket.once(secureContext === undefined ? 'connect' : 'secureConnect', () => {
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

function dialTls({ host, port, serverName }: Target, secureContext: SecureContext): Socket {
  // A server name in TLS cannot be an address.
  const servername = serverName ?? (isIP(host) === 0 ? host : '');
  return tlsConnect({ host, port, secureContext, servername, ALPNProtocols: [alpnProtocol] });
}
