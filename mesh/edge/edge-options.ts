import type { ClientFactory } from '../client/client-factory.ts';
import type { CorsOrigins } from '../config/cors-origins.ts';
import type { HttpHosts } from '../config/http-hosts.ts';
import type { ConnectionLimits } from '../engines/connection-limit.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Authenticator } from '../security/authenticator.ts';
import type { HealthList } from '../server/health/health.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import type { HttpTls } from './connections/encrypted-connections.ts';
import type { HttpPatience } from './connections/patience.ts';

export interface EdgeOptions {
  /** The descriptor set of the contracts. */
  readonly descriptors: URL;
  /** Their OpenAPI document. */
  readonly openApi: URL;
  readonly client: ClientFactory['client'];
  /** Whether the service of a contract is in this process or known to discovery. */
  readonly has: (contract: string) => boolean;
  /** How many instances the service of a contract has. */
  readonly instancesOf: (contract: string) => number;
  /** Bytes of waiting requests at which further ones are refused. */
  readonly maxWaitingBytes: number;
  /** How many connections may be open. */
  readonly connections: ConnectionLimits;
  /** Default: connections are not encrypted. */
  readonly tls?: HttpTls | undefined;
  /** How long to wait for clients. Default: as on the gRPC server. */
  readonly patience?: HttpPatience;
  /** The request headers that services get as metadata over Connect and gRPC-Web; with `*` at the end, a prefix. */
  readonly metadataHeaders: readonly string[];
  /** The largest message of Connect and gRPC-Web. Default: 4 MiB, as on the gRPC server. */
  readonly maxMessageBytes?: number;
  /** The origins whose pages may call it. Default: none. */
  readonly corsOrigins?: CorsOrigins;
  /** The names by which it may be called, besides `localhost` and addresses. Default: any. */
  readonly hosts?: HttpHosts;
  /** Finds out who sends requests. Default: nobody does, so everybody is let through. */
  readonly authenticator?: Authenticator | undefined;
  /** The health of the process. */
  readonly health: HealthList;
  /** Aborts when the process begins to drain. */
  readonly draining: AbortSignal;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The HTTP listener of a mesh. */
export interface Edge {
  /**
   * Listens on `host:port`; resolves with the port. Rejects with a MeshError that names the address.
   * Requests wait for `open`.
   */
  listen(address: string): Promise<number>;
  /** Answers requests: the services can be called. */
  open(): void;
  /**
   * Accepts no further connections. Resolves when the requests in progress are answered; ends those that are left after
   * `graceMs` with UNAVAILABLE `SERVER_DRAINING`.
   */
  drain(graceMs: number): Promise<void>;
}
