import { Metadata as WireMetadata } from '@grpc/grpc-js';
import { Metadata, Status } from 'nice-grpc-common';
import { deadlineExceeded } from '../../../errors/errors.ts';
import { base64Bytes, metadataWithFailure } from '../../../errors/wire-status.ts';
import type { CallEndListener, EngineCall } from '../../engine.ts';
import { responseMetadataTooLarge } from '../../errors.ts';
import type { RequestFault } from '../../request-fault.ts';
import { requestIdKey, requestIdOf } from '../../request-id.ts';
import { listenForStatus } from '../library-fixes.ts';
import { fromWireMetadata, toWireMetadata } from '../metadata.ts';
import { peerServiceOf } from './session-peers.ts';
import { releaseAtDeadline } from './session-watch.ts';
import { faultOfCode, http2StreamOf, isReset } from './tuned-server.ts';

// Node resets a stream that is to send more, and accepts no more.
const maxBlockBytes = 64 * 1024;
/** About the size of the fields that grpc-js and Node add to metadata. */
const ownBytes = 400;

/** The size of metadata as RFC 9113 section 6.5.2 counts it, with the fields that are added to it. */
function listBytesOf(metadata: Metadata): number {
  let bytes = ownBytes;
  for (const [key, values] of metadata) {
    for (const value of values)
      bytes += key.length + 32 + (typeof value === 'string' ? value.length : base64Bytes(value.length));
  }
  return bytes;
}

/** The common part of the four kinds of call of grpc-js. */
export interface RawCall {
  readonly metadata: WireMetadata;
  /** The decompressed bytes of the request, if it is a single one. */
  readonly request?: Buffer;
  readonly cancelled: boolean;
  getPeer(): string;
  getDeadline(): Date | number;
  sendMetadata(metadata: WireMetadata): void;
  on(event: 'cancelled', listener: () => void): unknown;
}

/**
 * A call over one of grpc-js. It ends once: with a response, by `fail`, or by its caller. Most of its parts are rarely used, so
 * they are made on first use.
 */
export class ServerCall implements EngineCall {
  readonly path: string;
  readonly peerService: string | undefined;
  readonly requestCompressed = undefined;
  compressReplies = false;
  requestFault: RequestFault | undefined;
  readonly #raw: RawCall;
  readonly #sendFailure: (error: unknown) => void;
  #ended = false;
  #headerSent = false;
  #onAbort: (() => void) | undefined;
  #endListener: CallEndListener | undefined;
  #requestId: string | undefined;
  #metadata: Metadata | undefined;
  #header: Metadata | undefined;
  #trailer: Metadata | undefined;
  #controller: AbortController | undefined;
  #watchesCaller = false;

  constructor(path: string, raw: RawCall, sendFailure: (error: unknown) => void) {
    this.path = path;
    this.#raw = raw;
    this.#sendFailure = sendFailure;
    this.peerService = peerServiceOf(http2StreamOf(raw));
    listenForStatus(http2StreamOf(raw), (code) => {
      // grpc-js ends it because of its request, or at its deadline.
      if (!this.#ended && code !== Status.DEADLINE_EXCEEDED) this.requestFault = faultOfCode(code);
    });
  }

  get isOver(): boolean {
    return this.#ended || this.#raw.cancelled || isReset(this.#raw);
  }

  get requestBytes(): number {
    return this.#raw.request?.length ?? 0;
  }

  /** `tuned-server.ts` has set it, and adds it to the response. */
  get requestId(): string {
    this.#requestId ??= requestIdOf(this.textMetadata(requestIdKey));
    return this.#requestId;
  }

  /** grpc-js decompresses on other threads by itself. */
  decompressRequest(): undefined {
    return undefined;
  }

  /** grpc-js cannot compress responses. */
  compressResponse(): undefined {
    return undefined;
  }

  get metadata(): Metadata {
    this.#metadata ??= fromWireMetadata(this.#raw.metadata);
    return this.#metadata;
  }

  get peer(): string {
    return this.#raw.getPeer();
  }

  get header(): Metadata {
    this.#header ??= Metadata();
    return this.#header;
  }

  get trailer(): Metadata {
    this.#trailer ??= Metadata();
    return this.#trailer;
  }

  get deadlineMs(): number | undefined {
    const deadlineMs = Number(this.#raw.getDeadline());
    return deadlineMs === Number.POSITIVE_INFINITY ? undefined : deadlineMs;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#raw.cancelled && !this.#ended) this.#controller.abort();
      else this.#watchCaller();
    }
    return this.#controller.signal;
  }

  textMetadata(key: string): string | undefined {
    const value = this.#raw.metadata.get(key)[0];
    return typeof value === 'string' ? value : undefined;
  }

  sendHeader(): void {
    if (this.#headerSent) return;
    this.#headerSent = true;
    this.#raw.sendMetadata(this.#header ? toWireMetadata(this.#header) : new WireMetadata());
  }

  checkMetadata(): void {
    const { session } = http2StreamOf(this.#raw);
    const maxBytes = Math.min(maxBlockBytes, session?.remoteSettings.maxHeaderListSize ?? maxBlockBytes);
    for (const sent of [this.#headerSent ? undefined : this.#header, this.#trailer]) {
      if (sent !== undefined && listBytesOf(sent) > maxBytes)
        throw responseMetadataTooLarge({ path: this.path, maxBytes });
    }
  }

  /** The trailer that the handler has set. */
  trailers(): WireMetadata | undefined {
    this.#trailer?.delete(requestIdKey);
    return this.#trailer && toWireMetadata(this.#trailer);
  }

  /** The trailer that the handler has set and is sent with a failure. */
  trailerWithFailure(): ReturnType<typeof metadataWithFailure> {
    this.#trailer?.delete(requestIdKey);
    return metadataWithFailure(this.#trailer ?? Metadata());
  }

  /** Claims the end of the call. Returns false if it has already ended. */
  end(): boolean {
    if (this.#ended || this.#raw.cancelled) return false;
    this.#ended = true;
    return true;
  }

  fail(error: unknown): void {
    if (!this.end()) return;
    // A header that is too large would displace the status.
    if (this.#header && metadataWithFailure(this.#header).bytes > 0) this.sendHeader();
    this.#sendFailure(error);
    if (deadlineExceeded.is(error)) releaseAtDeadline(http2StreamOf(this.#raw), 0);
    this.#abort(error);
  }

  /** Calls `listener` when the call ends without its response. A call has one listener. */
  onAbort(listener: () => void): void {
    this.#onAbort = listener;
    if (this.#ended || this.#raw.cancelled) listener();
    else this.#watchCaller();
  }

  listenForEnd(listener: CallEndListener | undefined): void {
    this.#endListener = listener;
    if (listener !== undefined) this.#watchCaller();
  }

  // grpc-js emits `cancelled` even after a call that succeeded.
  #watchCaller(): void {
    if (this.#watchesCaller) return;
    this.#watchesCaller = true;
    this.#raw.on('cancelled', () => {
      if (this.#ended) return;
      this.#ended = true;
      this.#abort(undefined);
    });
  }

  #abort(reason: unknown): void {
    this.#controller?.abort(reason);
    this.#onAbort?.();
    this.#endListener?.abandoned();
  }
}
