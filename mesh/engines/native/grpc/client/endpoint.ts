import { backoff } from '../../../../time/backoff.ts';
import { type Clock, systemClock } from '../../../../time/clock.ts';
import { faultOf, unreachableText } from '../../../connect-fault.ts';
import type { ConnectOptions } from '../../../engine.ts';
import { secureContext } from '../../../secure-context.ts';
import { ConnectionWatch, type Patience } from '../../http2/connection/connection-watch.ts';
import type { OpeningCall } from './client-call.ts';
import { ClientConnection, type LaneEvents } from './client-connection.ts';
import type { Target } from './dial.ts';

/** What only this engine has. */
export interface EndpointOptions extends ConnectOptions {
  /** How many connections there may be at a time. Default 8: one is enough until it has as many calls as its server takes. */
  readonly maxConnections?: number;
  /** How long a silent server is borne with. Default: it is pinged after 30 s in which calls wait, and has 10 s to answer. */
  readonly patience?: Partial<Patience>;
  /** What the waits between attempts are measured with. */
  readonly clock?: Pick<Clock, 'elapsedMs'>;
}

// So many calls wait before it is looked which of them have ended.
const leastTidied = 64;

const reconnectDelayMs = backoff({ firstMs: 100, maxMs: 1_000 });

const defaultPatience = {
  headersMs: 10_000,
  answerMs: Number.POSITIVE_INFINITY,
  pingEveryMs: 30_000,
  pingTimeoutMs: 10_000,
};

/**
 * The connections to `host:port`. It connects with the first call, and again after a lost connection, then not at once: 0.1 s
 * after the first failure, growing to 1 s, in which calls fail with UNAVAILABLE. A connection that its server ends is left
 * for another; when one is full, another is made.
 */
export class Endpoint implements LaneEvents {
  readonly #address: string;
  readonly #clock: Pick<Clock, 'elapsedMs'>;
  readonly #target: Target;
  readonly #connectTimeoutMs: number;
  readonly #maxConnections: number;
  readonly #watch: ConnectionWatch;
  readonly #lanes = new Set<ClientConnection>();
  readonly #reconnecting = new ReconnectDelay();
  readonly #fixedFields = new Map<string, readonly string[]>();
  #waiting: OpeningCall[] = [];
  #tidyAt = leastTidied;
  #trying: NodeJS.Timeout | undefined;
  #lastFault = '';
  #closed = false;

  constructor(address: string, options: EndpointOptions = {}) {
    const { connectTimeoutMs = 5_000, maxConnections = 8, patience, clock = systemClock } = options;
    this.#address = address;
    this.#clock = clock;
    this.#target = targetOf(address, options);
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#maxConnections = maxConnections;
    const watched = { ...defaultPatience, handshakeMs: connectTimeoutMs, ...patience };
    this.#watch = new ConnectionWatch(watched, { pingsIdle: false });
  }

  /** Gives a call its stream, at once or when there is one. */
  open(call: OpeningCall): void {
    const lane = this.#freeLane();
    if (lane) {
      lane.open(call, this.#fixedOf(call.path));
      return;
    }
    this.#wait(call);
    if (this.#closed) this.#failWaiting(`the connection to ${this.#address} was closed by this client`);
    else this.#connect();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#trying);
    for (const lane of this.#lanes) lane.close();
    this.#lanes.clear();
    this.#failWaiting(`the connection to ${this.#address} was closed by this client`);
  }

  // Of its lanes.

  hasRoom(lane: ClientConnection): void {
    if (!lane.isSettling) this.#reconnecting.succeeded();
    for (let call = this.#waiting[0]; call !== undefined; call = this.#waiting[0]) {
      const free = call.isOver ? undefined : this.#freeLane();
      if (free === undefined && !call.isOver) {
        this.#connect();
        return;
      }
      this.#waiting.shift();
      free?.open(call, this.#fixedOf(call.path));
    }
  }

  failed(lane: ClientConnection, error: Error): void {
    this.#lanes.delete(lane);
    this.#lastFault = faultOf(error);
    this.#reconnecting.failed(this.#clock.elapsedMs());
    this.#connect();
  }

  left(lane: ClientConnection): void {
    this.#lanes.delete(lane);
    if (this.#waiting.length > 0) this.#connect();
  }

  /** Puts a call behind those that wait, without those that have ended meanwhile. */
  #wait(call: OpeningCall): void {
    if (this.#waiting.length >= this.#tidyAt) {
      this.#waiting = this.#waiting.filter(({ isOver }) => !isOver);
      this.#tidyAt = Math.max(leastTidied, 2 * this.#waiting.length);
    }
    this.#waiting.push(call);
  }

  #freeLane(): ClientConnection | undefined {
    for (const lane of this.#lanes) if (lane.canOpen) return lane;
    return undefined;
  }

  /** Makes a connection for the calls that wait. They fail when none may be made and there is none that could serve them. */
  #connect(): void {
    if (this.#closed) return;
    if (this.#reconnecting.holds(this.#clock.elapsedMs())) {
      if (this.#lanes.size > 0) {
        this.#connectLater();
        return;
      }
      this.#failWaiting(unreachableText(this.#address, this.#lastFault, this.#target.secureContext !== undefined));
      return;
    }
    for (const lane of this.#lanes) if (lane.isSettling) return;
    if (this.#lanes.size >= this.#maxConnections) return;
    this.#lanes.add(new ClientConnection(this.#target, this.#connectTimeoutMs, this.#watch, this));
  }

  /** Tries again for the calls that wait, when it may. */
  #connectLater(): void {
    if (this.#trying !== undefined) return;
    this.#trying = setTimeout(() => {
      this.#trying = undefined;
      if (this.#waiting.length > 0) this.#connect();
    }, this.#reconnecting.leftMs(this.#clock.elapsedMs())).unref();
  }

  #failWaiting(details: string): void {
    const calls = this.#waiting;
    this.#waiting = [];
    for (const call of calls) call.unreachable(details);
  }

  #fixedOf(path: string): readonly string[] {
    let fields = this.#fixedFields.get(path);
    if (fields === undefined) {
      const scheme = this.#target.secureContext === undefined ? 'http' : 'https';
      fields = [
        ...[':method', 'POST', ':scheme', scheme, ':path', path, ':authority', this.#address],
        ...['te', 'trailers', 'content-type', 'application/grpc+proto', 'user-agent', 'ordermesh'],
        ...['grpc-accept-encoding', 'identity,gzip,deflate'],
      ];
      this.#fixedFields.set(path, fields);
    }
    return fields;
  }
}

function targetOf(address: string, { tls }: EndpointOptions): Target {
  const colon = address.lastIndexOf(':');
  const where = { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
  if (tls === undefined) return { ...where, secureContext: undefined, serverName: undefined };
  const { ca, key, cert, serverName } = tls;
  return { ...where, secureContext: secureContext(`of the client of ${address}`, { ca, key, cert }), serverName };
}

/** Until when not to connect, after attempts that failed. */
class ReconnectDelay {
  #failures = 0;
  #untilMs = 0;

  failed(nowMs: number): void {
    this.#failures += 1;
    this.#untilMs = nowMs + reconnectDelayMs(this.#failures);
  }

  succeeded(): void {
    this.#failures = 0;
    this.#untilMs = 0;
  }

  /** Whether it is too early to connect. */
  holds(nowMs: number): boolean {
    return nowMs < this.#untilMs;
  }

  /** For how long it is too early, in milliseconds. */
  leftMs(nowMs: number): number {
    return Math.max(0, this.#untilMs - nowMs);
  }
}
