import type { FixedLimits } from './policy.ts';

const defaultWorking = 2_048;
const defaultWaitingBytes = 64 * 1024 * 1024;

/** The limits of a process, over all services. */
export interface ProcessLimits {
  /** Maximum handlers that work. Default: 2,048. */
  readonly working?: number;
  /** Bytes of waiting requests at which further calls are refused. Default: 64 MiB. */
  readonly waitingBytes?: number;
}

/** Returns the limits of a service in a process. It gets a part, so one that hangs does not stop the others. */
export function limitsOfService({
  working = defaultWorking,
  waitingBytes = defaultWaitingBytes,
}: ProcessLimits = {}): FixedLimits {
  return {
    working: Math.ceil(working / 8),
    workingPerConnection: Math.ceil(working / 16),
    waitingBytesPerConnection: Math.ceil(waitingBytes / 4),
  };
}

/** The load of all services of a process. */
export class ProcessLoad {
  /** Handlers that work; idle streaming handlers do not count. */
  working = 0;
  /** Bytes of the requests of waiting calls. */
  waitingBytes = 0;
  readonly #maxWorking: number;
  readonly #maxWaitingBytes: number;

  constructor({ working = defaultWorking, waitingBytes = defaultWaitingBytes }: ProcessLimits = {}) {
    this.#maxWorking = working;
    this.#maxWaitingBytes = waitingBytes;
  }

  /** Whether one more call may wait. */
  get mayWait(): boolean {
    return this.waitingBytes < this.#maxWaitingBytes;
  }

  /** Whether one more handler may start. A started one always continues, so it can end. */
  get mayBegin(): boolean {
    return this.working < this.#maxWorking;
  }
}
