import { faultOf, unreachableText } from '../../../connect-fault.ts';
import type { ClientContext } from '../../../tls/client-context.ts';
import { ServerTrust } from '../../../tls/server-trust.ts';
import { ConnectionWatch } from '../../http2/connection/connection-watch.ts';
import { ClientConnection, type ConnectionListener, type OpeningCall } from './client-connection.ts';
import { type EndpointOptions, type EndpointSettings, endpointSettings, type Spread } from './endpoint-options.ts';
import { ReconnectDelay } from './reconnect-delay.ts';

// With fewer waiting calls, those that have ended are not removed.
const minTidied = 64;

/** The state of the connections to a server, in the terms of gRPC. */
export type EndpointState = 'IDLE' | 'CONNECTING' | 'READY' | 'TRANSIENT_FAILURE';

/**
 * The connections to `host:port`. It connects with the first call, and again after a lost connection. After a failed attempt it
 * waits, 0.1 s at first and up to 1 s; calls fail with UNAVAILABLE meanwhile. When a server ends a connection, or one is full,
 * another is opened.
 */
export class Endpoint implements ConnectionListener {
  readonly #address: string;
  readonly #settings: EndpointSettings;
  readonly #spread: Spread | undefined;
  readonly #watch: ConnectionWatch;
  readonly #connections = new Set<ClientConnection>();
  readonly #reconnecting = new ReconnectDelay();
  readonly #trust: ServerTrust | undefined;
  /** Counts the changes of the identity. Connections of before are replaced. */
  #generation = 0;
  /** Whether some are to be replaced. */
  #replacing = false;
  readonly #fixedFields = new Map<string, readonly string[]>();
  #waiting: OpeningCall[] = [];
  #tidyAt = minTidied;
  #retryTimer: NodeJS.Timeout | undefined;
  #lastFault = '';
  #closed = false;

  constructor(address: string, options: EndpointOptions = {}) {
    this.#address = address;
    this.#settings = endpointSettings(address, options);
    this.#spread = this.#settings.spread;
    this.#watch = new ConnectionWatch(this.#settings.patience, { pingsIdle: false });
    const { identity, target } = this.#settings;
    this.#trust = identity && new ServerTrust(identity, () => this.#renew(target.tls));
  }

  /** The scheme of its URLs: `http` or `https`. */
  get scheme(): string {
    return this.#isSecure ? 'https' : 'http';
  }

  /** When the server last sent anything; `undefined` if there is no connection. */
  get lastReceivedMs(): number | undefined {
    let lastMs: number | undefined;
    for (const { readMs } of this.#connections) if (readMs !== undefined) lastMs = Math.max(lastMs ?? 0, readMs);
    return lastMs;
  }

  get state(): EndpointState {
    for (const connection of this.#connections) if (!connection.isSettling) return 'READY';
    if (this.#connections.size > 0) return 'CONNECTING';
    return this.#reconnecting.holds(this.#settings.clock.elapsedMs()) ? 'TRANSIENT_FAILURE' : 'IDLE';
  }

  /** Connects without a call, if it is idle. */
  connect(): void {
    if (this.state === 'IDLE') this.#connect();
  }

  /** Gives a call its stream, immediately or when one is free. */
  open(call: OpeningCall): void {
    const connection = this.#freeConnection();
    if (connection) {
      connection.open(call, call.fixed ?? this.#fixedOf(call.path));
      return;
    }
    this.#wait(call);
    if (this.#closed) this.#failWaiting(`the connection to ${this.#address} was closed by this client`);
    else this.#connect();
  }

  close(): void {
    this.#closed = true;
    this.#trust?.close();
    clearTimeout(this.#retryTimer);
    for (const connection of this.#connections) connection.close();
    this.#failWaiting(`the connection to ${this.#address} was closed by this client`);
  }

  /** Closes it with all open calls. */
  abort(): void {
    this.close();
    for (const connection of this.#connections) connection.abort();
  }

  // Of its connections.

  hasRoom(connection: ClientConnection): void {
    if (!connection.isSettling) this.#reconnecting.succeeded();
    if (this.#replacing) this.#replace();
    for (let call = this.#waiting[0]; call !== undefined; call = this.#waiting[0]) {
      const free = call.isOver ? undefined : this.#freeConnection();
      if (free === undefined && !call.isOver) {
        this.#connect();
        return;
      }
      this.#waiting.shift();
      free?.open(call, call.fixed ?? this.#fixedOf(call.path));
    }
  }

  failed(connection: ClientConnection, error: Error): void {
    this.#connections.delete(connection);
    this.#lastFault = faultOf(error);
    this.#reconnecting.failed(this.#settings.clock.elapsedMs());
    this.#connect();
  }

  left(connection: ClientConnection): void {
    this.#connections.delete(connection);
    if (this.#waiting.length > 0) this.#connect();
  }

  /** Queues a call, and removes calls that have ended meanwhile. */
  #wait(call: OpeningCall): void {
    if (this.#waiting.length >= this.#tidyAt) {
      this.#waiting = this.#waiting.filter(({ isOver }) => !isOver);
      this.#tidyAt = Math.max(minTidied, 2 * this.#waiting.length);
    }
    this.#waiting.push(call);
  }

  #freeConnection(): ClientConnection | undefined {
    if (this.#spread !== undefined) return this.#leastUsed(this.#spread);
    for (const connection of this.#connections) if (connection.canOpen) return connection;
    return undefined;
  }

  #leastUsed({ connections, callsOfEach }: Spread): ClientConnection | undefined {
    let least: ClientConnection | undefined;
    for (const connection of this.#connections) {
      if (connection.canOpen && connection.openStreams < (least?.openStreams ?? Number.POSITIVE_INFINITY))
        least = connection;
    }
    const isBusy = least !== undefined && least.openStreams >= callsOfEach;
    if (isBusy && this.#connections.size < connections) this.#connect();
    return least;
  }

  get #isSecure(): boolean {
    return this.#settings.target.tls !== undefined;
  }

  /** The identity has changed: its new connections get the calls as soon as they are ready. */
  #renew(context: ClientContext | undefined): void {
    context?.refresh();
    this.#generation += 1;
    this.#replacing = this.#connections.size > 0;
    if (this.#replacing) this.#connect();
  }

  /** Connections of before take no further calls once there is a new one. */
  #replace(): void {
    const all = [...this.#connections].filter(({ isSettling }) => !isSettling);
    const hasNew = all.some(({ generation }) => generation === this.#generation);
    for (const connection of hasNew ? all : []) {
      if (connection.generation === this.#generation) continue;
      this.#connections.delete(connection);
      connection.close();
    }
    this.#replacing = [...this.#connections].some(({ generation }) => generation !== this.#generation);
    if (!hasNew) this.#connect();
  }

  /** Connects for the waiting calls. They fail if it is too early and no open connection could serve them. */
  #connect(): void {
    if (this.#closed) return;
    if (this.#reconnecting.holds(this.#settings.clock.elapsedMs())) {
      if (this.#connections.size > 0) {
        this.#connectLater();
        return;
      }
      const failed = { address: this.#address, fault: this.#lastFault, isTls: this.#isSecure };
      this.#failWaiting(unreachableText({ ...failed, advice: this.#settings.tlsAdvice }));
      return;
    }
    for (const connection of this.#connections) if (connection.isSettling) return;
    const max = this.#settings.maxConnections + (this.#replacing ? 1 : 0);
    if (this.#connections.size >= max) return;
    this.#connections.add(this.#newConnection());
  }

  #newConnection(): ClientConnection {
    const { target, connectTimeoutMs, windows } = this.#settings;
    const generation = this.#generation;
    return new ClientConnection(
      { target, connectTimeoutMs, windows, watch: this.#watch, trust: this.#trust, generation },
      this,
    );
  }

  /** Connects for the waiting calls as soon as that is allowed. */
  #connectLater(): void {
    if (this.#retryTimer !== undefined) return;
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      if (this.#waiting.length > 0 || this.#replacing) this.#connect();
    }, this.#reconnecting.leftMs(this.#settings.clock.elapsedMs())).unref();
  }

  #failWaiting(details: string): void {
    const calls = this.#waiting;
    this.#waiting = [];
    for (const call of calls) call.unreachable(details);
  }

  #fixedOf(path: string): readonly string[] {
    let fields = this.#fixedFields.get(path);
    if (fields === undefined) {
      fields = [
        ...[':method', 'POST', ':scheme', this.scheme, ':path', path, ':authority', this.#settings.authority],
        ...['te', 'trailers', 'content-type', 'application/grpc+proto', 'user-agent', this.#settings.userAgent],
        ...['grpc-accept-encoding', 'identity,gzip,deflate'],
      ];
      this.#fixedFields.set(path, fields);
    }
    return fields;
  }
}
