/** What a process takes on, over all services. */
export interface ProcessLimits {
  /** Handlers at work. Default 2,048. */
  readonly working?: number;
}

/** What the handlers of all services of a process are at. */
export class ProcessLoad {
  /** Handlers at work; streaming ones that wait for their peer or for a change are not. */
  working = 0;
  readonly #mostWorking: number;

  constructor({ working = 2_048 }: ProcessLimits = {}) {
    this.#mostWorking = working;
  }

  /** Whether one more handler may begin. One that has begun is always let on, so that it can end. */
  get mayBegin(): boolean {
    return this.working < this.#mostWorking;
  }
}
