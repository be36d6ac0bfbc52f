import type { WireStatus } from '../../../../errors/wire-status.ts';
import { literalFields } from '../../http2/codec/literal-fields.ts';
import type { HeaderList } from '../../http2/hpack/header-list.ts';
import type { Http2Stream } from '../../http2/streams/stream.ts';
import { MessageEnds } from './message-ends.ts';
import { Relay } from './relay.ts';
import { sendFailure } from './send-failure.ts';

/** The reply of a forwarded call, on its way to the caller. Nothing of it is kept but the windows that its sender is owed. */
export class ForwardedReply {
  bytes = 0;
  /** The stream of the caller. */
  readonly #to: Http2Stream;
  readonly #relay = new Relay();
  readonly #ends = new MessageEnds();
  #headerSent = false;
  /** The fields of a reply without messages, which has its status among them. */
  #onlyFields: HeaderList | undefined;

  constructor(to: Http2Stream) {
    this.#to = to;
  }

  get headerSent(): boolean {
    return this.#headerSent;
  }

  /** Whether it ends within a message so far. */
  get midway(): boolean {
    return this.#ends.midway;
  }

  /** `isWhole`: they are all of it. */
  sendHeaders(list: HeaderList, isWhole: boolean): void {
    this.#headerSent = true;
    if (isWhole) this.#onlyFields = list;
    this.#to.sendHeaders(literalFields(list.fields), isWhole);
  }

  pass(from: Http2Stream, piece: Buffer): void {
    this.bytes += piece.length;
    this.#ends.push(piece, 0, piece.length);
    this.#relay.pass(from, this.#to, piece);
  }

  /** Called when there is room in the stream of the caller. */
  resume(from: Http2Stream): void {
    this.#relay.resume(from, this.#to);
  }

  /** Returns the fields that have the status of the call; `undefined` if it ended without. */
  statusFields(trailers: HeaderList | undefined): HeaderList | undefined {
    return trailers ?? this.#onlyFields;
  }

  end(trailers: HeaderList | undefined, deadlineMs: number | undefined): void {
    if (this.#onlyFields !== undefined) return;
    this.#to.end(trailers && literalFields(trailers.fields));
    // What a window still holds is worthless after the deadline.
    if (deadlineMs !== undefined && !this.#to.localEnded)
      this.#to.expiresMs = performance.now() + deadlineMs - Date.now();
  }

  /** Ends it with a status. `isWorthless`: nobody waits for what windows still hold. */
  fail(status: WireStatus, { requestId, isWorthless }: { readonly requestId: string; readonly isWorthless: boolean }) {
    const { headerSent, midway } = this;
    sendFailure(this.#to, status, { requestId, headerSent, midway, isWorthless });
  }
}
