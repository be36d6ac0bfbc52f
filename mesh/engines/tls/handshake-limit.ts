import type { Socket } from 'node:net';
import { peerOf } from '../hang-up.ts';
import { sharedAddressOf } from '../network-of.ts';

// A restarted server gets the handshakes of all its clients at once, of which many may share an address.
const maxOfAddress = 200;
const maxInAll = 2_000;

/**
 * Counts the handshakes that are under way, in all and by address (with IPv6, by the network of a host): each costs
 * more than a hundred calls.
 */
export class HandshakeLimit {
  readonly #addresses = new Map<string, string>();
  readonly #ofAddress = new Map<string, number>();

  /** Counts a handshake until `done`, or until its connection closes. Returns why it must not take place. */
  begin(socket: Socket): string | undefined {
    const address = sharedAddressOf(socket);
    const others = this.#ofAddress.get(address) ?? 0;
    if (others >= maxOfAddress) return `${maxOfAddress} handshakes of its address are under way`;
    if (this.#addresses.size >= maxInAll) return `${maxInAll} handshakes are under way`;
    const peer = peerOf(socket);
    this.#addresses.set(peer, address);
    this.#ofAddress.set(address, others + 1);
    socket.once('close', () => this.#end(peer));
    return undefined;
  }

  /** The handshake of a connection is complete. `socket` may be the encrypted one: both have the same peer. */
  done(socket: Socket): void {
    this.#end(peerOf(socket));
  }

  #end(peer: string): void {
    const address = this.#addresses.get(peer);
    if (address === undefined) return;
    this.#addresses.delete(peer);
    const left = (this.#ofAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#ofAddress.set(address, left);
    else this.#ofAddress.delete(address);
  }
}
