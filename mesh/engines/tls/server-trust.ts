import type { TLSSocket } from 'node:tls';
import { chainOf } from './peer-trust.ts';
import { PeerWatch } from './peer-watch.ts';
import type { TlsIdentity } from './tls-options.ts';

const graceMs = 30_000;

/** What a client does about changes of its identity and the certificates of its servers, until it is closed. */
export class ServerTrust {
  readonly #watch: PeerWatch;
  readonly #stop: () => void;

  /** `changed`: the identity has changed, so new connections are to replace the open ones. */
  constructor(identity: TlsIdentity, changed: () => void) {
    this.#watch = new PeerWatch(identity);
    this.#stop = identity.onChange(() => {
      try {
        changed();
      } finally {
        this.#watch.changed();
      }
    });
  }

  /**
   * Calls `leave` once the certificate of a server is no longer trusted. The connection is closed after 30 s, if
   * it is still open.
   */
  watch(socket: TLSSocket, leave: () => void): void {
    const server = {
      chain: chainOf(socket),
      distrusted() {
        const timer = setTimeout(() => socket.destroy(), graceMs).unref();
        socket.once('close', () => clearTimeout(timer));
        leave();
      },
    };
    this.#watch.add(server);
    socket.once('close', () => this.#watch.remove(server));
  }

  close(): void {
    this.#stop();
  }
}
