import { Metadata } from 'nice-grpc-common';
import { metadataWithFailure } from '../../../../errors/wire-status.ts';
import type { ConnectionPeer } from '../../../connection-peer.ts';
import type { CallEndListener, EngineCall } from '../../../engine.ts';
import type { RequestFault } from '../../../request-fault.ts';
import { requestIdKey, requestIdOf } from '../../../request-id.ts';
import { fieldValue, joinedValue } from '../../http2/codec/field-rules.ts';
import { fieldsOf, metadataOf } from '../metadata-fields.ts';

/** The call as its handler sees it. Most parts are rarely used, so they are made on first use. */
export abstract class CallContext implements EngineCall {
  readonly path: string;
  readonly #from: ConnectionPeer;
  requestCompressed: boolean | undefined;
  compressReplies = false;
  requestFault: RequestFault | undefined;
  readonly #fields: readonly string[];
  #requestId: string | undefined;
  #metadata: Metadata | undefined;
  #header: Metadata | undefined;
  #trailer: Metadata | undefined;
  #controller: AbortController | undefined;
  /** Set if the call ended without its response; `reason` is why. */
  #abandoned: { readonly reason: unknown } | undefined;
  #endListener: CallEndListener | undefined;

  /** `fields` are those of its request: name, value, name, value, … */
  constructor(path: string, from: ConnectionPeer, fields: readonly string[]) {
    this.path = path;
    this.#from = from;
    this.#fields = fields;
  }

  abstract get deadlineMs(): number | undefined;
  abstract get isOver(): boolean;
  abstract get requestBytes(): number;
  abstract decompressRequest(): Promise<void> | undefined;
  abstract compressResponse(bytes: Uint8Array): Promise<void> | undefined;

  /** Whether the response has the request id, which a handler cannot change. */
  protected get hasRequestId(): boolean {
    return true;
  }

  get peer(): string {
    return this.#from.address;
  }

  get peerService(): string | undefined {
    return this.#from.service;
  }

  get requestId(): string {
    this.#requestId ??= requestIdOf(fieldValue(this.#fields, requestIdKey));
    return this.#requestId;
  }

  get metadata(): Metadata {
    this.#metadata ??= metadataOf(this.#fields);
    return this.#metadata;
  }

  get header(): Metadata {
    this.#header ??= Metadata();
    return this.#header;
  }

  get trailer(): Metadata {
    this.#trailer ??= Metadata();
    return this.#trailer;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abandoned) this.#controller.abort(this.#abandoned.reason);
    }
    return this.#controller.signal;
  }

  textMetadata(key: string): string | undefined {
    return key.endsWith('-bin') ? undefined : joinedValue(this.#fields, key);
  }

  listenForEnd(listener: CallEndListener | undefined): void {
    this.#endListener = listener;
  }

  abstract sendHeader(): void;
  abstract checkMetadata(): void;
  abstract fail(error: unknown): void;

  /** The header that the handler has set, as fields. */
  protected headerFields(): string[] | undefined {
    if (this.hasRequestId) this.#header?.delete(requestIdKey);
    return this.#header && fieldsOf(this.#header);
  }

  /** The trailer that the handler has set, as fields. */
  protected trailerFields(): string[] | undefined {
    if (this.hasRequestId) this.#trailer?.delete(requestIdKey);
    return this.#trailer && fieldsOf(this.#trailer);
  }

  /** The trailer that the handler has set and is sent with a failure. */
  protected trailerWithFailure(): ReturnType<typeof metadataWithFailure> {
    if (this.hasRequestId) this.#trailer?.delete(requestIdKey);
    return metadataWithFailure(this.#trailer ?? Metadata());
  }

  /** Called when the call ends without its response. Aborts `signal`, even if it is first requested later. */
  protected abort(reason: unknown): void {
    this.#abandoned = { reason };
    this.#controller?.abort(reason);
    this.#endListener?.abandoned(reason);
  }
}
