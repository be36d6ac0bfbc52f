import type { Socket } from 'node:net';

/** How an HTTP/2 connection begins. No method of HTTP/1.1 does. */
const preface = Buffer.from('PRI');

/**
 * Waits for the first bytes of a connection, which stay readable: they tell whether it is HTTP/2. `undefined`: it has ended without them,
 * or did not send them within `timeoutMs` and was closed.
 */
export function readProtocol(socket: Socket, timeoutMs: number, decided: (isHttp2: boolean | undefined) => void): void {
  let bytes: Buffer = Buffer.alloc(0);
  const end = (isHttp2: boolean | undefined) => {
    clearTimeout(timer);
    socket.off('readable', look).off('end', destroy).off('error', destroy).off('close', lose);
    if (isHttp2 !== undefined) socket.unshift(bytes);
    decided(isHttp2);
  };
  const look = () => {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) return;
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    const compared = Math.min(bytes.length, preface.length);
    const isPart = bytes.subarray(0, compared).equals(preface.subarray(0, compared));
    if (isPart && compared < preface.length) return;
    end(isPart);
  };
  const destroy = () => void socket.destroy();
  const lose = () => end(undefined);
  socket.on('readable', look).on('end', destroy).on('error', destroy).on('close', lose);
  // Not a timeout of the socket, which every byte would restart.
  const timer = setTimeout(destroy, timeoutMs).unref();
}
