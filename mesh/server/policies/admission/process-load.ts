/** The limits of a process, over all services. */
export interface ProcessLimits {
  /** Maximum handlers that work. Default: 2,048. */
  readonly working?: number;
  /** Bytes of waiting requests at which further calls are refused. Default: 64 MiB. */
  readonly waitingBytes?: number;
}

/** The load of all services of a process. */
export class ProcessLoad {
  /** Handlers that work; idle streaming handlers do not count. */
  working = 0;
  /** Bytes of the requests of waiting calls. */
  waitingBytes = 0;
  readonly #maxWorking: number;
  readonly #maxWaitingBytes: number;

  constructor({ working = 2_048, waitingBytes = 64 * 1024 * 1024 }: ProcessLimits = {}) {
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
