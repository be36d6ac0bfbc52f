import { type Clock, systemClock } from '../../../../time/clock.ts';
import type { TlsAdvice } from '../../../connect-fault.ts';
import type { ClientTls, ConnectOptions } from '../../../engine.ts';
import { socketPathOf } from '../../../listen-address.ts';
import { ClientContext } from '../../../tls/client-context.ts';
import type { TlsIdentity } from '../../../tls/tls-options.ts';
import type { Patience } from '../../http2/connection/connection-watch.ts';
import type { StreamWindows } from './client-connection.ts';
import type { Target } from './dial.ts';

/** Options that only this engine has. */
export interface EndpointOptions extends ConnectOptions {
  /**
   * The maximum number of connections. Another is opened when all have as many calls as the server accepts. Default: 10 (gRFC
   * A105).
   */
  readonly maxConnections?: number;
  /** Uses several connections before that: another is opened when each has this many calls. Default: one connection. */
  readonly spread?: Spread;
  /** Default: 256 KiB for each stream, as `windowsGrow` says. */
  readonly windows?: StreamWindows;
  /** How long a silent server is tolerated. Default: as `keepalive` says. */
  readonly patience?: Partial<Patience>;
  /** Default: `ordermesh`. */
  readonly userAgent?: string;
  /** What the text of a failed connection advises about TLS. Default: settings of the mesh. */
  readonly tlsAdvice?: TlsAdvice;
  /** Measures the delays between attempts. */
  readonly clock?: Pick<Clock, 'elapsedMs'>;
}

/** How calls are spread over the connections to one server, which limits the calls of each. */
export interface Spread {
  readonly connections: number;
  readonly callsOfEach: number;
}

/** Where to connect, and the options with their defaults. */
export interface EndpointSettings {
  readonly target: Target;
  /** The host that calls name. */
  readonly authority: string;
  readonly userAgent: string;
  readonly connectTimeoutMs: number;
  readonly maxConnections: number;
  readonly spread: Spread | undefined;
  readonly windows: StreamWindows;
  readonly patience: Patience;
  readonly clock: Pick<Clock, 'elapsedMs'>;
  /** The identity of the client; `undefined`: it has none. */
  readonly identity: TlsIdentity | undefined;
  readonly tlsAdvice: TlsAdvice | undefined;
}

/** Throws a MeshError if a certificate or the key of `tls` cannot be used. */
export function endpointSettings(address: string, options: EndpointOptions): EndpointSettings {
  const { tls, keepalive, connectTimeoutMs = 5_000, windowsGrow = true } = options;
  const { maxConnections = 10, spread, userAgent = 'ordermesh', clock = systemClock } = options;
  const { everyMs: pingEveryMs = Number.POSITIVE_INFINITY, timeoutMs: pingTimeoutMs = 20_000 } = keepalive ?? {};
  return {
    target: targetOf(address, tls),
    authority: socketPathOf(address) === undefined ? address : 'localhost',
    userAgent,
    connectTimeoutMs,
    maxConnections,
    spread,
    windows: options.windows ?? { streamWindowBytes: 256 * 1024, fixedStreamWindows: !windowsGrow },
    patience: {
      handshakeMs: connectTimeoutMs,
      headersMs: 10_000,
      answerMs: Number.POSITIVE_INFINITY,
      pingEveryMs,
      // Servers accept a ping in 5 min, and count those that arrive closer because one was late.
      quietPingMs: 310_000,
      pingTimeoutMs,
      ...options.patience,
    },
    clock,
    identity: tls?.identity,
    tlsAdvice: options.tlsAdvice,
  };
}

function targetOf(address: string, tls: ClientTls | undefined): Target {
  const path = socketPathOf(address);
  if (path !== undefined) {
    // A name, for its certificate.
    const context = tls && new ClientContext('localhost:0', tls);
    return { path, tls: context };
  }
  const colon = address.lastIndexOf(':');
  const where = { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
  return { ...where, tls: tls && new ClientContext(address, tls) };
}
