import type { X509Certificate } from 'node:crypto';
import type { Distrust } from './peer-trust.ts';
import { chainEndMs, TrustAnchors } from './peer-trust.ts';
import type { TlsIdentity } from './tls-options.ts';

/** An open connection whose peer has proved who it is. */
export interface ProvenPeer {
  readonly chain: readonly X509Certificate[];
  /** Its certificate is no longer trusted: ends the connection. Called once. */
  distrusted(distrust: Distrust): void;
}

const tickMs = 1_000;

/**
 * Ends connections whose peers' certificates have expired, were revoked or lost their CA. One timer serves all of them,
 * and acts up to a second late. It does not keep the process alive.
 */
export class PeerWatch {
  readonly #identity: TlsIdentity;
  readonly #peers = new Map<ProvenPeer, number>();
  #ticking: NodeJS.Timeout | undefined;

  constructor(identity: TlsIdentity) {
    this.#identity = identity;
  }

  add(peer: ProvenPeer): void {
    this.#peers.set(peer, chainEndMs(peer.chain));
    this.#ticking ??= setInterval(() => this.#endExpired(Date.now()), tickMs).unref();
  }

  /** Called when a connection has ended. */
  remove(peer: ProvenPeer): void {
    this.#peers.delete(peer);
    if (this.#peers.size > 0) return;
    clearInterval(this.#ticking);
    this.#ticking = undefined;
  }

  /** Called when the identity has changed. Throws an error if it cannot be read; then all connections stay. */
  changed(): void {
    if (this.#peers.size === 0) return;
    const anchors = new TrustAnchors(this.#identity.current);
    const nowMs = Date.now();
    for (const peer of [...this.#peers.keys()]) this.#end(peer, anchors.distrust(peer.chain, nowMs));
  }

  #endExpired(nowMs: number): void {
    for (const [peer, endMs] of [...this.#peers])
      if (endMs <= nowMs) this.#end(peer, { reason: 'tls_expired', problem: 'has expired' });
  }

  #end(peer: ProvenPeer, distrust: Distrust | undefined): void {
    if (distrust === undefined) return;
    this.remove(peer);
    peer.distrusted(distrust);
  }
}
