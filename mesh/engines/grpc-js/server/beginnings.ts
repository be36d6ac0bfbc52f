import type { Socket } from 'node:net';
import { hangUp, peerOf } from '../../hang-up.ts';
import type { HostObserver } from '../../host-observer.ts';
import { FirstBytes } from '../../http-refusal.ts';

/** The connections of which too little has arrived to know their protocol. */
export interface Beginnings {
  watch(socket: Socket): void;
  /** Closes those whose protocol is not known within a second. */
  drain(): void;
}

const firstBytesTimeoutMs = 10_000;
const drainTimeoutMs = 1_000;
const lingerMs = 1_000;

/** Waits for the first bytes of connections. Answers those of HTTP/1, which Node ends without a word; passes on all others. */
export function createBeginnings(observer: HostObserver, begun: (socket: Socket) => void): Beginnings {
  const silent = new Set<Socket>();
  return {
    watch(socket) {
      const stop = () => {
        silent.delete(socket);
        clearTimeout(timer);
        socket.off('readable', read).off('error', ignore).off('close', stop);
      };
      const timer = setTimeout(() => {
        const problem = `the client did not begin HTTP/2 within ${firstBytesTimeoutMs} ms`;
        observer.connectionEnded({ peer: peerOf(socket), reason: 'no_settings', problem });
        socket.destroy();
      }, firstBytesTimeoutMs);
      timer.unref();
      const firstBytes = new FirstBytes();
      const read = () => {
        const chunk: Buffer | null = socket.read();
        const first = chunk === null ? undefined : firstBytes.add(chunk);
        if (first === undefined) return;
        stop();
        if (first.http1Answer === undefined) {
          socket.unshift(first.bytes);
          begun(socket);
          return;
        }
        const problem = 'the connection does not begin with the HTTP/2 preface';
        observer.connectionEnded({ peer: peerOf(socket), reason: 'not_http2', problem });
        socket.on('error', ignore);
        socket.write(first.http1Answer);
        hangUp(socket, lingerMs);
      };
      silent.add(socket);
      socket.on('readable', read).on('error', ignore).once('close', stop);
    },
    drain() {
      const end = () => {
        for (const socket of silent) socket.destroy();
      };
      setTimeout(end, drainTimeoutMs).unref();
    },
  };
}

function ignore(): void {
  // `close` follows.
}
