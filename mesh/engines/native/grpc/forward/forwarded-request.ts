import type { WheelTimer } from '../../../../time/timer-wheel.ts';
import type { Http2Stream } from '../../http2/streams/stream.ts';
import type { WaitingCall } from '../request-watch.ts';
import { Relay } from './relay.ts';

// How much of a request is collected before its call is admitted, and kept to be sent to another endpoint.
const maxKeptBytes = 64 * 1024;

/** The request of a forwarded call. It waits for a stream, and is kept as long as it is small and may be sent again. */
export class ForwardedRequest implements WaitingCall {
  /** Bytes that have arrived. */
  bytes = 0;
  readonly path: string;
  /** Ends its call. */
  readonly fail: (error: unknown) => void;
  /** The stream of the caller. */
  readonly #from: Http2Stream;
  readonly #relay = new Relay();
  #to: Http2Stream | undefined;
  #kept: Buffer[] = [];
  #canRepeat = true;
  #hasEnded = false;
  #overdue: WheelTimer | undefined;

  constructor(from: Http2Stream, path: string, fail: (error: unknown) => void) {
    this.#from = from;
    this.path = path;
    this.fail = fail;
  }

  /** Whether too little has arrived to admit its call. What follows later is limited by the endpoint. */
  get waitsForRequest(): boolean {
    return this.#canRepeat && !this.#hasEnded && !this.isLarge;
  }

  /** Sets the timer that ends the call unless enough arrives before. */
  limit(timer: WheelTimer): void {
    this.#overdue = timer;
  }

  /** Whether so much has arrived that its call should not wait for the rest. */
  get isLarge(): boolean {
    return this.bytes >= maxKeptBytes;
  }

  /** Whether all that has arrived can be sent to another endpoint. */
  get canRepeat(): boolean {
    return this.#canRepeat;
  }

  add(piece: Buffer): void {
    this.bytes += piece.length;
    if (this.isLarge) this.#overdue?.cancel();
    if (this.#to === undefined) {
      this.#keep(piece);
      this.#relay.hold(piece.length);
      return;
    }
    if (this.#canRepeat && this.bytes > maxKeptBytes) this.forget();
    this.#relay.pass(this.#from, this.#to, this.#canRepeat ? this.#keep(piece) : piece);
  }

  end(): void {
    this.#hasEnded = true;
    this.#overdue?.cancel();
    this.#to?.end();
  }

  /** Sends it over a stream, from its beginning. */
  sendOver(to: Http2Stream): void {
    this.#to = to;
    for (const piece of this.#kept) to.write(piece);
    if (this.bytes > maxKeptBytes) this.forget();
    if (this.#hasEnded) to.end();
    this.resume();
  }

  /** Waits for another stream. */
  leave(): void {
    this.#to = undefined;
  }

  /** Called when there is room in its stream. */
  resume(): void {
    if (this.#to !== undefined) this.#relay.resume(this.#from, this.#to);
  }

  /** Keeps nothing from now on, because its call has begun or ended. */
  forget(): void {
    this.#canRepeat = false;
    this.#overdue?.cancel();
    this.#kept = [];
  }

  /** Keeps a copy, because a piece would keep the whole chunk that it arrived in. */
  #keep(piece: Buffer): Buffer {
    const copy = Buffer.from(piece);
    this.#kept.push(copy);
    return copy;
  }
}
