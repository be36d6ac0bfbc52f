import { connect, isIP, type Socket } from 'node:net';
import { type SecureContext, connect as tlsConnect } from 'node:tls';
import { NoAlpnError } from '../../../connect-fault.ts';
import { alpnProtocol } from '../../../secure-context.ts';

/** Where to connect to, and how. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** `undefined`: without TLS. */
  readonly secureContext: SecureContext | undefined;
  /** The name that has to be in the server's certificate. Default: the host. */
  readonly serverName: string | undefined;
}

/**
 * Makes a connection, over TLS one that has agreed to HTTP/2. Exactly one of `connected` and `failed` is called, unless the
 * socket that is returned is destroyed before.
 */
export function dial(
  target: Target,
  timeoutMs: number,
  connected: (socket: Socket) => void,
  failed: (error: Error) => void,
): Socket {
  const { secureContext } = target;
  const socket = secureContext === undefined ? connect({ ...target, noDelay: true }) : dialTls(target, secureContext);
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
  // TLS has no way to ask for an address instead of a name.
  const servername = serverName ?? (isIP(host) === 0 ? host : '');
  return tlsConnect({ host, port, secureContext, servername, ALPNProtocols: [alpnProtocol] });
}
