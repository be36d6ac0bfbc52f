/** What the handlers of a service, or those of one of its connections, are at. */
export interface Load {
  /** Handlers that have a slot: from beginning to return, streaming ones without the time in which they wait for no work. */
  readonly working: number;
  /** Calls that wait for a slot. */
  readonly waiting: number;
  /** Bytes of the requests of those calls. */
  readonly waitingBytes: number;
  /** Streaming handlers that have not returned, whatever they do. */
  readonly streams: number;
}

/** How many calls a service works on at a time. It is asked for each call, so that its answers may change with the load. */
export interface AdmissionPolicy {
  /** Whether one more handler of the service may work. */
  hasSlot(service: Load): boolean;
  /** Whether one more handler may work for a connection. */
  hasSlotFor(connection: Load): boolean;
  /** Whether one more call may wait for a slot. */
  mayWait(service: Load, connection: Load): boolean;
  /** Whether one more streaming call may be open. */
  mayStream(service: Load, connection: Load): boolean;
  /** How long a caller that is refused should wait, in milliseconds. */
  retryAfterMs(service: Load): number;
  /** A handler that answers once has returned: how long its call waited for a slot, and how long it worked, in milliseconds. */
  returned?(waitedMs: number, workedMs: number): void;
}

export interface FixedLimits {
  /** Handlers that may work at a time, of a service. Default 256. */
  readonly working?: number;
  /** The same of one connection. Default 128, so that one cannot have all of them. */
  readonly workingPerConnection?: number;
  /** Calls that may wait, of a service. Default 10,000. A connection has at most as many as it may have streams. */
  readonly waiting?: number;
  /** Bytes of the requests that wait of a connection, at which none of it may wait any more. Default 16 MiB. */
  readonly waitingBytesPerConnection?: number;
  /** Streaming handlers that have not returned, of a service. Default 10,000. */
  readonly streams?: number;
  /** The same of one connection. Default 1,000. */
  readonly streamsPerConnection?: number;
}

const retryAfterMs = 1_000;

/** A policy of limits that never change. */
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
