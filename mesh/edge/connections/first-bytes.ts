import type { Socket } from 'node:net';

/** How an HTTP/2 connection begins. No method of HTTP/1.1 does. */
export const http2Preface = Buffer.from('PRI');
/** How a TLS connection begins (RFC 8446, section 5.1). No text does. */
export const tlsHandshake = Buffer.from([0x16]);

/** What a connection may begin with, and how long to wait for it. */
export interface ExpectedBytes {
  readonly preface: Buffer;
  readonly timeoutMs: number;
}

/**
 * Waits for the first bytes of a connection, which stay readable: they tell whether it begins as expected. `undefined`:
 * it has ended without them, or did not send them in time and was closed.
 */
export function readProtocol(
  socket: Socket,
  { preface, timeoutMs }: ExpectedBytes,
  decided: (isExpected: boolean | undefined) => void,
): void {
  let bytes: Buffer = Buffer.alloc(0);
  const end = (isExpected: boolean | undefined) => {
    clearTimeout(timer);
    socket.off('readable', look).off('end', destroy).off('error', destroy).off('close', lose);
    if (isExpected !== undefined) socket.unshift(bytes);
    decided(isExpected);
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
