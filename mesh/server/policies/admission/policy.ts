/** The load of a service or of one of its connections. */
export interface Load {
  /** Handlers that have a slot: from start to return, without the idle time of streaming handlers. */
  readonly working: number;
  /** Calls that wait for a slot. */
  readonly waiting: number;
  /** Bytes of the requests of waiting calls. */
  readonly waitingBytes: number;
  /** Streaming handlers that have not returned, idle or not. */
  readonly streams: number;
}

/** Limits the calls that a service runs concurrently. It is asked for each call, so its limits may change with the load. */
export interface AdmissionPolicy {
  /** Whether one more handler of the service may run. */
  hasSlot(service: Load): boolean;
  /** Whether one more handler may run for a connection. */
  hasSlotFor(connection: Load): boolean;
  /** Whether one more call may wait for a slot. */
  mayWait(service: Load, connection: Load): boolean;
  /** Whether one more streaming call may be open. */
  mayStream(service: Load, connection: Load): boolean;
  /** How long a refused caller should wait before it retries, in milliseconds. */
  retryAfterMs(service: Load): number;
  /** Reports how long the call of a unary handler waited for a slot and how long it ran, in milliseconds. */
  returned?(waitedMs: number, workedMs: number): void;
}

export interface FixedLimits {
  /** Maximum handlers that run concurrently in a service. Default: 256. */
  readonly working?: number;
  /** The same for one connection. Default: 128, so one connection cannot occupy all slots. */
  readonly workingPerConnection?: number;
  /** Maximum calls that wait in a service. Default: 10,000. A connection has no more than it may have streams. */
  readonly waiting?: number;
  /** Bytes of waiting requests of a connection at which its further calls are refused. Default: 16 MiB. */
  readonly waitingBytesPerConnection?: number;
  /** Maximum streaming handlers of a service that have not returned. Default: 10,000. */
  readonly streams?: number;
  /** The same for one connection. Default: 1,000. */
  readonly streamsPerConnection?: number;
}

const retryAfterMs = 1_000;

/** Creates a policy with constant limits. */
export function fixedLimits({
  working = 256,
  workingPerConnection = 128,
  waiting = 10_000,
  waitingBytesPerConnection = 16 * 1024 * 1024,
  streams = 10_000,
  streamsPerConnection = 1_000,
}: FixedLimits = {}): AdmissionPolicy {
  return {
    hasSlot: (service) => service.working < working,
    hasSlotFor: (connection) => connection.working < workingPerConnection,
    mayWait: (service, connection) => service.waiting < waiting && connection.waitingBytes < waitingBytesPerConnection,
    mayStream: (service, connection) => service.streams < streams && connection.streams < streamsPerConnection,
    retryAfterMs: () => retryAfterMs,
  };
}
