import type { TimerWheel, WheelTimer } from '../../../time/timer-wheel.ts';
import { requestIncomplete } from './errors.ts';

/** A call that waits for its request. */
export interface WaitingCall {
  readonly path: string;
  readonly waitsForRequest: boolean;
  limit(timer: WheelTimer): void;
  fail(error: unknown): void;
}

/**
 * Limits the time in which the requests of a host must be complete, so abandoned ones do not pile up. It checks new calls once
 * everything that arrived together with them is read: most have their request by then and need no timer.
 */
export class RequestWatch {
  readonly #timers: TimerWheel;
  readonly #timeoutMs: number;
  readonly #check = () => this.#checkNew();
  #new: WaitingCall[] = [];

  constructor(timers: TimerWheel, timeoutMs: number) {
    this.#timers = timers;
    this.#timeoutMs = timeoutMs;
  }

  add(call: WaitingCall): void {
    if (this.#new.length === 0) queueMicrotask(this.#check);
    this.#new.push(call);
  }

  #checkNew(): void {
    const calls = this.#new;
    this.#new = [];
    for (const call of calls) if (call.waitsForRequest) this.#limit(call);
  }

  #limit(call: WaitingCall): void {
    const onTimeout = () => call.fail(requestIncomplete({ path: call.path, timeoutMs: this.#timeoutMs }));
    call.limit(this.#timers.at(Date.now() + this.#timeoutMs, { onTimeout }));
  }
}
