import { cancelled } from '../errors/errors.ts';
import { runInScope } from '../telemetry/call-scope.ts';
import type { HandlerContext } from './handler-context.ts';
import type { Place } from './policies/admission/admission.ts';
import { CallWatch, type WatchTools } from './policies/call-watch.ts';

/** The encoded responses of a streaming handler, which runs in the scope of its call. Read once, by the engine. */
export class ResponseStream implements AsyncIterableIterator<Uint8Array> {
  readonly #call: HandlerContext;
  readonly #enter: (watch: CallWatch) => Promise<Place>;
  readonly #begin: () => AsyncIterable<unknown>;
  readonly #encode: (response: unknown) => Uint8Array;
  readonly #watch: CallWatch;
  #place: Place | undefined;
  #isHandlerRunning = false;
  #hasResponded = false;
  #responses: AsyncIterator<unknown> | undefined;

  constructor(
    call: HandlerContext,
    tools: WatchTools,
    enter: (watch: CallWatch) => Promise<Place>,
    begin: () => AsyncIterable<unknown>,
    encode: (response: unknown) => Uint8Array,
  ) {
    this.#call = call;
    this.#enter = enter;
    this.#begin = begin;
    this.#encode = encode;
    this.#watch = runInScope(call, () => new CallWatch(call, tools));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    return runInScope(this.#call, this.#advance);
  }

  /** Called by the engine when nobody reads any further. */
  return(): Promise<IteratorResult<Uint8Array>> {
    return runInScope(this.#call, this.#close);
  }

  readonly #advance = async (): Promise<IteratorResult<Uint8Array>> => {
    try {
      const turn = this.#place?.work();
      if (turn !== undefined) await this.#resume(turn);
      this.#place ??= await this.#enter(this.#watch);
      this.#call.place = this.#place;
    } catch (error) {
      // A started handler leaves when it is closed.
      throw this.#watch.failed(error);
    }
    const result = await this.#nextResponse(this.#place);
    if (result.done) return result;
    try {
      if (!this.#hasResponded) this.#call.checkMetadata();
      this.#hasResponded = true;
      return { done: false, value: this.#encode(result.value) };
    } catch (error) {
      throw this.#watch.failed(error);
    }
  };

  async #nextResponse(place: Place): Promise<IteratorResult<unknown, undefined>> {
    this.#isHandlerRunning = true;
    try {
      this.#responses ??= this.#begin()[Symbol.asyncIterator]();
      const result = await this.#responses.next();
      if (!result.done) place.rest();
      else this.#succeed(place);
      return result;
    } catch (error) {
      place.leave();
      throw this.#watch.failed(error);
    } finally {
      this.#isHandlerRunning = false;
    }
  }

  async #resume(turn: Promise<unknown>): Promise<void> {
    await turn;
    if (this.#call.isOver) throw cancelled({ path: this.#call.path });
  }

  #succeed(place: Place): void {
    this.#call.checkMetadata();
    this.#watch.succeeded();
    place.leave();
  }

  readonly #close = async (): Promise<IteratorResult<Uint8Array>> => {
    this.#watch.cancelled();
    // A handler needs a slot to end. A running one has a slot, or takes one after it was idle.
    if (!this.#isHandlerRunning) await this.#place?.work();
    try {
      await this.#responses?.return?.();
    } catch (error) {
      throw this.#watch.failed(error);
    } finally {
      this.#place?.leave();
    }
    return { done: true, value: undefined };
  };
}
