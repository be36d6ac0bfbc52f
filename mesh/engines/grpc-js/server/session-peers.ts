import type { Http2Session, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { ConnectionPeer } from '../../connection-peer.ts';

const peers = new WeakMap<Http2Session, ConnectionPeer>();
/** The peer of the connection whose session is being made. */
let beginning: ConnectionPeer | undefined;

/** The session that `begin` makes is that of a connection with `peer`: grpc-js passes on nothing of its socket. */
export function beginWith(peer: ConnectionPeer, begin: () => void): void {
  beginning = peer;
  try {
    begin();
  } finally {
    beginning = undefined;
  }
}

/** Called with each session that is made. Gives it its peer, if it has one. */
export function takePeer(session: ServerHttp2Session): void {
  if (beginning === undefined) return;
  peers.set(session, beginning);
  beginning.leave = () => session.close();
}

/** The service that the certificate of a stream's peer names. */
export function peerServiceOf({ session }: ServerHttp2Stream): string | undefined {
  return session && peers.get(session)?.service;
}
