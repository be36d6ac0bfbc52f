import type { Http2Stream } from '../../http2/streams/stream.ts';
import type { Compression } from '../compression.ts';
import { prefixOf } from '../message-frame.ts';

// What waits for a stream: more, and who sends should wait as well.
const mostWaiting = 8;

/** The requests of a call: they wait for its stream, and the first is kept in case that the call has to begin anew. */
export class OutgoingMessages {
  #stream: Http2Stream | undefined;
  /** What was given before there was a stream, or is kept. */
  #kept: Uint8Array[] = [];
  #sent = 0;
  #ending = false;

  /** Whether all that was sent can be sent once more. */
  get canRepeat(): boolean {
    return this.#kept.length >= 2 * this.#sent;
  }

  get hasRoom(): boolean {
    return this.#stream === undefined ? this.#kept.length < 2 * mostWaiting : this.#stream.hasRoom;
  }

  /** Adds a message, compressed where `compression` is given. */
  add(message: Uint8Array, compression: Compression | undefined): void {
    const bytes = compression === undefined ? message : compression.compress(message);
    const prefix = prefixOf(bytes, compression !== undefined);
    this.#sent += 1;
    if (this.#stream === undefined || this.#sent === 1) this.#kept.push(prefix, bytes);
    else this.#kept = [];
    if (this.#stream === undefined) return;
    this.#stream.write(prefix);
    if (!this.#stream.write(bytes)) this.#stream.wantsRoom = true;
  }

  /** No more come. */
  end(): void {
    this.#ending = true;
    this.#stream?.end();
  }

  /** Begins to send over a stream, from the first message on. */
  sendOver(stream: Http2Stream): void {
    this.#stream = stream;
    for (const bytes of this.#kept) stream.write(bytes);
    if (this.#ending) stream.end();
  }

  /** Waits for another stream. */
  leave(): void {
    this.#stream = undefined;
  }

  /** Keeps nothing any more: the call has been begun, or is over. */
  forget(): void {
    this.#kept = [];
  }
}
