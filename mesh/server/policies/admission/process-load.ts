/** What a process takes on, over all services. */
export interface ProcessLimits {
  /** Handlers at work. Default 2,048. */
  readonly working?: number;
  /** Bytes of requests that wait: at that many no further call may. Default 64 MiB. */
  readonly waitingBytes?: number;
}

/** What the handlers of all services of a process are at. */
export class ProcessLoad {
  /** Handlers at work; streaming ones that wait for their peer or for a change are not. */
  working = 0;
  /** Of the requests of calls that wait. */
  waitingBytes = 0;
  readonly #mostWorking: number;
  readonly #mostWaitingBytes: number;

  constructor({ working = 2_048, waitingBytes = 64 * 1024 * 1024 }: ProcessLimits = {}) {
    this.#mostWorking = working;
    this.#mostWaitingBytes = waitingBytes;
  }

  /** Whether one more call may wait. */
  get mayWait(): boolean {
    return this.waitingBytes < this.#mostWaitingBytes;
  }

  /** Whether one more handler may begin. One that has begun is always let on, so that it can end. */
  get mayBegin(): boolean {
    return this.working < this.#mostWorking;
  }
}
