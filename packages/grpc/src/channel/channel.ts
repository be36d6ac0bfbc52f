import { setTimeout as delay } from 'node:timers/promises';
import type { Transport } from '../../../../mesh/engines/engine.ts';
import { socketPathOf } from '../../../../mesh/engines/listen-address.ts';
import { connectNative, type NativeTransport } from '../../../../mesh/engines/native/connect.ts';
import { ChannelCredentials } from './credentials.ts';
import { type ChannelOptions, checkOptions, maxTimerMs, messageOptions } from './options.ts';
import { tlsAdvice } from './tls-advice.ts';

/** The states of a channel, with the numbers of grpc-js. */
export const connectivityState = { IDLE: 0, CONNECTING: 1, READY: 2, TRANSIENT_FAILURE: 3, SHUTDOWN: 4 } as const;

// How often the state of a channel is looked at while somebody waits for it to change.
const lookEveryMs = 5;
const defaultConnectMs = 20_000;

/** A remote endpoint: it connects when it is first used, and again after a lost connection. */
export class Channel {
  /** @internal */
  readonly maxReceiveBytes: number;
  /** @internal */
  readonly maxSendBytes: number | undefined;
  /** @internal */
  readonly compresses: boolean;
  readonly #target: string;
  readonly #connect: () => NativeTransport;
  #transport: NativeTransport | undefined;
  #isClosed = false;

  /** `target`: `host:port` or `unix:/path`. Throws a TypeError for others. */
  constructor(target: string, credentials: ChannelCredentials, options: ChannelOptions = {}) {
    const address = addressOf(target);
    checkOptions(options);
    const { maxReceiveBytes, maxSendBytes, compresses } = messageOptions(options);
    const connectTimeoutMs = options['grpc.min_reconnect_backoff_ms'] ?? defaultConnectMs;
    const everyMs = options['grpc.keepalive_time_ms'];
    const timeoutMs = options['grpc.keepalive_timeout_ms'];
    const serverName = options['grpc.ssl_target_name_override'];
    const { tls } = credentials;
    this.maxReceiveBytes = maxReceiveBytes;
    this.maxSendBytes = maxSendBytes;
    this.compresses = compresses;
    this.#target = target;
    this.#connect = () =>
      connectNative(address, {
        tls: tls && { ...tls, ...(serverName !== undefined && { serverName }) },
        ...(everyMs !== undefined && { keepalive: { everyMs, ...(timeoutMs !== undefined && { timeoutMs }) } }),
        connectTimeoutMs: connectTimeoutMs > 0 ? Math.min(connectTimeoutMs, maxTimerMs) : maxTimerMs,
        maxReceiveBytes,
        tlsAdvice,
        userAgent: [options['grpc.primary_user_agent'], 'ordermesh-grpc'].filter(Boolean).join(' '),
      });
  }

  /** Makes its calls. Throws if the channel is closed. @internal */
  get transport(): Transport {
    return this.#opened();
  }

  /** Accepts no new calls; open ones continue. */
  close(): void {
    this.#isClosed = true;
    this.#transport?.close();
  }

  getTarget(): string {
    return /^(?:dns|unix):/.test(this.#target) ? this.#target : `dns:${this.#target}`;
  }

  /** Its state. `tryToConnect`: connects if it is idle. */
  getConnectivityState(tryToConnect: boolean): number {
    if (this.#isClosed) return connectivityState.SHUTDOWN;
    const state = this.#transport?.state ?? 'IDLE';
    if (tryToConnect && state !== 'READY') this.#opened().connect();
    return connectivityState[state];
  }

  /** Calls `callback` once the state is not `currentState`, with an error if that is not before `deadline`. */
  watchConnectivityState(currentState: number, deadline: Date | number, callback: (error?: Error) => void): void {
    const changed = async () => {
      while (this.getConnectivityState(false) === currentState) {
        if (Date.now() >= Number(deadline)) throw new Error('Deadline passed without connectivity state change');
        await delay(lookEveryMs);
      }
    };
    changed().then(() => callback(), callback);
  }

  #opened(): NativeTransport {
    if (this.#isClosed) throw new Error('Channel has been shut down');
    this.#transport ??= this.#connect();
    return this.#transport;
  }
}

/** What to connect to. */
function addressOf(target: string): string {
  const address = target.replace(/^dns:\/*/, '');
  if (socketPathOf(address) !== undefined) return address;
  const port = Number(/^(?:\[[\da-fA-F:.]+(?:%[\w.-]+)?\]|[^\s:/[\]]+):(\d{1,5})$/.exec(address)?.[1]);
  if (port >= 1 && port <= 65_535) return address;
  throw new TypeError(
    `cannot connect to "${target}": pass host:port, such as localhost:50051 or [::1]:50051 (ports 1 to 65535), or unix:/path`,
  );
}

/**
 * Creates a channel to `protocol://host:port`, where `protocol` is `http` or `https`, or to `unix:/path`. Without a protocol it
 * is that of the credentials, without credentials that of the protocol; the default of both is insecure. The default port is 80,
 * or 443 with TLS. Throws a TypeError for an address that is not valid.
 */
export function createChannel(
  address: string,
  credentials?: ChannelCredentials,
  options: ChannelOptions = {},
): Channel {
  const [, protocol, host = '', port] = /^(?:([^:]+):\/\/)?(.*?)(?::(\d+))?$/.exec(address) ?? [];
  const isSecure = credentials?.tls !== undefined || protocol === 'https';
  const security = credentials ?? (isSecure ? ChannelCredentials.createSsl() : ChannelCredentials.createInsecure());
  const isHttp = protocol === undefined || protocol === 'http' || protocol === 'https';
  const isAddress = isHttp && !address.startsWith('unix:');
  return new Channel(isAddress ? `${host}:${port ?? (isSecure ? '443' : '80')}` : address, security, options);
}

/** Resolves once the channel is connected; rejects if it is not by `deadline`. Calls need not wait for it. */
export async function waitForChannelReady(channel: Channel, deadline: Date): Promise<void> {
  for (;;) {
    const state = channel.getConnectivityState(true);
    if (state === connectivityState.READY) return;
    await new Promise<void>((resolve, reject) => {
      channel.watchConnectivityState(state, deadline, (error) => (error ? reject(error) : resolve()));
    });
  }
}
