import type { TimerWheel, WheelTimer } from '../../../../time/timer-wheel.ts';
import { requestIncomplete } from '../errors.ts';

/** A call that waits for its request. */
export interface WaitingCall {
  readonly path: string;
  readonly waitsForRequest: boolean;
  limit(timer: WheelTimer): void;
  fail(error: unknown): void;
}

/**
 * Gives the requests of a host a limited time to come whole, so that what callers begin and leave does not pile up. It looks
 * at new calls once everything is read that came together with them: most have their request by then and cost no timer.
 */
export class RequestWatch {
  readonly #timers: TimerWheel;
  readonly #timeoutMs: number;
  readonly #look = () => this.#lookAtNew();
  #new: WaitingCall[] = [];

  constructor(timers: TimerWheel, timeoutMs: number) {
    this.#timers = timers;
    this.#timeoutMs = timeoutMs;
  }

  add(call: WaitingCall): void {
    if (this.#new.length === 0) queueMicrotask(this.#look);
    this.#new.push(call);
  }

  #lookAtNew(): void {
    const calls = this.#new;
    this.#new = [];
    for (const call of calls) if (call.waitsForRequest) this.#limit(call);
  }

  #limit(call: WaitingCall): void {
    const onTimeout = () => call.fail(requestIncomplete({ path: call.path, timeoutMs: this.#timeoutMs }));
    call.limit(this.#timers.at(Date.now() + this.#timeoutMs, { onTimeout }));
  }
}
