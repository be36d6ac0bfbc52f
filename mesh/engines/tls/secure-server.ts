import type { Server, Socket, SocketConstructorOpts } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { messageOf } from '../../errors/error-text.ts';
import type { ConnectionPeer } from '../connection-peer.ts';
import { drop, peerOf } from '../hang-up.ts';
import type { HostObserver } from '../host-observer.ts';
import { type CertificateFault, certificateFault, nameOf } from './handshake-fault.ts';
import { HandshakeLimit } from './handshake-limit.ts';
import { chainOf } from './peer-trust.ts';
import { PeerWatch } from './peer-watch.ts';
import { alpnProtocol, contextOptions, secureContext } from './secure-context.ts';
import type { ServerTls } from './tls-options.ts';

export interface SecureServerOptions {
  readonly tls: ServerTls;
  /** The protocol that ALPN selects. Default: HTTP/2. */
  readonly protocol?: ListenerProtocol | undefined;
  readonly observer: HostObserver;
  readonly socketOptions: SocketConstructorOpts & { readonly noDelay: boolean };
}

/** What the connections of a listener speak. */
export type ListenerProtocol = 'h2' | 'http/1.1';

interface TlsError extends NodeJS.ErrnoException {
  /** The message of OpenSSL without its place in the code. */
  readonly reason?: string;
}

const defaultHandshakeMs = 10_000;
const defaultGraceMs = 30_000;

/**
 * A server of encrypted connections, which are passed on once their peers have proved who they are and ALPN has
 * selected the protocol. Whom it refuses gets an alert of TLS or nothing; the observer gets the reason.
 */
export function createSecureServer(
  { tls, protocol = alpnProtocol, observer, socketOptions }: SecureServerOptions,
  onSocket: (socket: Socket, peer: ConnectionPeer) => void,
): Server {
  const { identity, clients = 'required', minVersion, handshakeTimeoutMs = defaultHandshakeMs } = tls;
  const context = () => {
    // Called for its error; the server creates its own context.
    secureContext({ whose: 'of the server', minVersion }, identity.current);
    return contextOptions(identity.current, minVersion);
  };
  const server = createServer({
    ...context(),
    requestCert: clients !== 'none',
    // It would be closed before its name can be logged.
    rejectUnauthorized: false,
    ALPNProtocols: [protocol],
    handshakeTimeout: handshakeTimeoutMs,
    ...socketOptions,
  });
  const watch = new PeerWatch(identity);
  const stopWatching = identity.onChange(() => {
    try {
      server.setSecureContext(context());
    } finally {
      // Even if new connections cannot use the material: open ones of revoked peers must end.
      watch.changed();
    }
  });
  server.once('close', stopWatching);
  const handshakes = new HandshakeLimit();
  server.on('connection', (socket: Socket) => {
    const problem = handshakes.begin(socket);
    if (problem === undefined) return;
    observer.connectionEnded({ peer: peerOf(socket), reason: 'too_many_handshakes', problem });
    drop(socket);
  });
  const refuse = (socket: Socket, problem: string, peer = peerOf(socket)) => {
    observer.connectionEnded({ peer, reason: 'tls_handshake', problem });
    drop(socket);
  };
  server.on('secureConnection', (socket) => {
    handshakes.done(socket);
    // Clients without ALPN speak HTTP/1.1, and OpenSSL refuses those that offer only another protocol.
    if (protocol === 'h2' && socket.alpnProtocol !== protocol)
      return refuse(socket, 'the client did not select HTTP/2 in ALPN');
    const proven = provenPeer(socket, { ...tls, clients });
    if ('fault' in proven) {
      observer.connectionEnded({ peer: peerOf(socket), ...proven.fault });
      return drop(socket);
    }
    const peer = { address: peerOf(socket), service: proven.service, leave: () => drop(socket) };
    if (proven.chain.length > 0) endWithTrust(socket, { peer, ...proven });
    onSocket(socket, peer);
  });

  function endWithTrust(socket: TLSSocket, { peer, chain }: { peer: ConnectionPeer } & Proven): void {
    const proven = {
      chain,
      distrusted({ reason, problem }: { reason: CertificateFault['reason']; problem: string }) {
        const [leaf] = chain;
        const text = `the certificate of ${leaf ? nameOf(leaf) : 'the peer'} ${problem}`;
        observer.connectionEnded({ peer: peer.address, service: peer.service, reason, problem: text });
        const timer = setTimeout(() => socket.destroy(), tls.graceMs ?? defaultGraceMs).unref();
        socket.once('close', () => clearTimeout(timer));
        peer.leave();
      },
    };
    watch.add(proven);
    socket.once('close', () => watch.remove(proven));
  }

  const peers = new WeakMap<Socket, string>();
  server.on('connection', (socket: Socket) => peers.set(socket, peerOf(socket)));
  server.on('tlsClientError', ({ code, reason, message }: TlsError, socket) => {
    // `_parent`, the socket below, is private.
    const { _parent: parent } = socket as typeof socket & { readonly _parent?: Socket };
    // The client has hung up, as the checks of load balancers do.
    if (code === 'ECONNRESET') drop(socket);
    else refuse(socket, reason ?? message, parent && peers.get(parent));
  });
  return server;
}

/** What a handshake has proved. */
interface Proven {
  readonly service: string | undefined;
  readonly chain: ReturnType<typeof chainOf>;
}

function provenPeer(
  socket: TLSSocket,
  { clients, checkPeer }: Pick<ServerTls, 'clients' | 'checkPeer'>,
): Proven | { readonly fault: CertificateFault } {
  if (clients === 'none') return { service: undefined, chain: [] };
  try {
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) {
      if (clients === 'optional') return { service: undefined, chain: [] };
      return { fault: { reason: 'tls_no_certificate', problem: 'the client has no certificate' } };
    }
    if (!socket.authorized) return { fault: certificateFault(certificate, String(socket.authorizationError)) };
    const verdict = checkPeer?.(certificate) ?? { service: undefined };
    if ('service' in verdict) return { service: verdict.service, chain: chainOf(socket) };
    return {
      fault: { reason: 'tls_identity', problem: `the certificate of ${nameOf(certificate)} ${verdict.refused}` },
    };
  } catch (error) {
    // It comes from outside, and may be malformed in any way.
    return { fault: { reason: 'tls_identity', problem: `the certificate cannot be read: ${messageOf(error)}` } };
  }
}
