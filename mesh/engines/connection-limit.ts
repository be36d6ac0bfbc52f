import type { Socket } from 'node:net';
import { peerOf } from './hang-up.ts';
import type { ConnectionEnd } from './host-observer.ts';
import { sharedAddressOf } from './network-of.ts';

/** How many connections of a listener may be open. */
export interface ConnectionLimits {
  readonly all: number;
  readonly ofAddress: number;
}

/** What is done with a connection above a limit. */
export interface TurnedAway {
  readonly end: ConnectionEnd<'too_many_connections' | 'too_many_of_address'>;
  /** The limit. */
  readonly max: number;
  /** Whether its client gets an answer; false: nothing, as too many others are getting theirs. */
  readonly isAnswered: boolean;
}

// How many connections above the limit get an answer that says why they are closed.
const maxAnswered = 100;

/** Counts the open connections, in all and by address: with IPv6, by the network of a host. */
export class ConnectionLimit {
  readonly #limits: ConnectionLimits;
  readonly #ofAddress = new Map<string, number>();
  #open = 0;
  #turningAway = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** The open connections, without those that are turned away. */
  get open(): number {
    return this.#open;
  }

  /** Counts a connection until it closes. Returns why it must not stay. */
  enter(socket: Socket): TurnedAway | undefined {
    const { all, ofAddress } = this.#limits;
    const address = sharedAddressOf(socket);
    if (this.#open >= all)
      return this.#turnAway(socket, 'too_many_connections', all, `all ${all} connections are in use`);
    const others = this.#ofAddress.get(address) ?? 0;
    if (others >= ofAddress) {
      const problem = `all ${ofAddress} connections of its address are in use`;
      return this.#turnAway(socket, 'too_many_of_address', ofAddress, problem);
    }
    this.#open += 1;
    this.#ofAddress.set(address, others + 1);
    socket.once('close', () => this.#leave(address));
    return undefined;
  }

  #leave(address: string): void {
    this.#open -= 1;
    const left = (this.#ofAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#ofAddress.set(address, left);
    else this.#ofAddress.delete(address);
  }

  #turnAway(socket: Socket, reason: TurnedAway['end']['reason'], max: number, problem: string): TurnedAway {
    const end = { peer: peerOf(socket), reason, problem };
    if (this.#turningAway >= maxAnswered) return { end, max, isAnswered: false };
    this.#turningAway += 1;
    socket.once('close', () => {
      this.#turningAway -= 1;
    });
    return { end, max, isAnswered: true };
  }
}
