import type { Socket } from 'node:net';

/** Ends a socket after what was sent. If the peer does not end its side within `waitMs`, closes it. */
export function hangUp(socket: Socket, waitMs: number): void {
  socket.end();
  // Discards what still arrives.
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), waitMs).unref();
  socket.once('close', () => clearTimeout(timer));
}

/** Closes a connection that was not accepted. */
export function drop(socket: Socket): void {
  socket.on('error', () => undefined);
  socket.destroy();
}

/** `host:port` of the other side; `unknown` if it reset the connection before this was read. */
export function peerOf({ remoteAddress, remotePort }: Socket): string {
  return remoteAddress === undefined ? 'unknown' : `${remoteAddress}:${remotePort}`;
}
