import type { Socket } from 'node:net';
import { peerOf } from '../../engines/hang-up.ts';
import type { ConnectionEnd } from '../../engines/host-observer.ts';
import type { MeshError } from '../../errors/mesh-error.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import { tooManyConnections, tooManyOfAddress } from '../errors.ts';

/** How many connections may be open. */
export interface ConnectionLimits {
  readonly all: number;
  readonly ofAddress: number;
}

/** What is done with a connection above a limit. */
export interface TurnedAway {
  readonly end: ConnectionEnd<'too_many_connections' | 'too_many_of_address'>;
  /** What its client gets; `undefined`: nothing, as too many others are getting their answers. */
  readonly error: MeshError | undefined;
}

// As on the gRPC listener.
const maxAnswered = 100;

/** Counts the open connections, in all and by address. */
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
    const address = socket.remoteAddress ?? 'unknown';
    const peer = peerOf(socket);
    if (this.#open >= all) {
      const problem = `all ${all} connections are in use`;
      return this.#turnAway(
        socket,
        { peer, reason: 'too_many_connections', problem },
        tooManyConnections({ max: all }),
      );
    }
    const others = this.#ofAddress.get(address) ?? 0;
    if (others >= ofAddress) {
      const problem = `all ${ofAddress} connections of its address are in use`;
      return this.#turnAway(
        socket,
        { peer, reason: 'too_many_of_address', problem },
        tooManyOfAddress({ max: ofAddress }),
      );
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

  #turnAway(socket: Socket, end: TurnedAway['end'], error: MeshError): TurnedAway {
    if (this.#turningAway >= maxAnswered) return { end, error: undefined };
    this.#turningAway += 1;
    socket.once('close', () => {
      this.#turningAway -= 1;
    });
    return { end, error };
  }
}

/** Shows how many connections are open, and how many may be. */
export function measureHttpConnections(metrics: Metrics, { all }: ConnectionLimits, count: () => number): void {
  metrics
    .gauge('ordermesh_http_connections_open', 'Open connections of HTTP clients.', [])
    .collect(async () => [{ labels: {}, value: count() }]);
  const limit = 'How many connections of HTTP clients may be open; further ones are closed.';
  metrics.gauge('ordermesh_http_connections_limit', limit, []).set({}, all);
}
