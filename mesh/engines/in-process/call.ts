import { Status } from 'nice-grpc-common';
import { maxStatusBytes } from '../../errors/wire-status.ts';
import { responseMetadataTooLarge } from '../errors.ts';
import { statusOf, undecodableResponse } from '../native/grpc/client/response-status.ts';
import { messageTooLarge } from '../native/grpc/errors.ts';
import { fieldsOf, metadataOf } from '../native/grpc/metadata-fields.ts';
import { fits, fittingStatus } from '../native/grpc/reply-fields.ts';
import type { AnsweredCall, ReplyPump } from '../native/grpc/server/reply-pump.ts';
import { decodeRequest } from '../native/grpc/server/run-handler.ts';
import { refusalReasonOf } from '../native/grpc/server/server-call.ts';
import { requestIdKey } from '../request-id.ts';
import { TransportError } from '../transport-error.ts';
import { type HostedMethod, type InProcessStart, maxMetadataBytes } from './call-start.ts';
import { ClientHalf, type InProcessTools } from './client-half.ts';
import { withoutContext } from './next-turn.ts';
import { SendWindow } from './send-window.ts';

/**
 * A call within a process: both its sides, in one object. Messages and metadata are encoded and decoded, so neither side has an
 * object of the other. It ends once: with its response, a failure, its deadline, or by its caller. This half is the server's;
 * subclasses read the requests.
 */
export abstract class InProcessCall extends ClientHalf implements AnsweredCall {
  protected readonly hosted: HostedMethod;
  /** Whether the handler has started, which logs the end of its call. */
  protected begun = false;
  readonly #window = new SendWindow(() => this.#pump?.resume());
  #headerSent = false;
  #pump: ReplyPump | undefined;

  /** `fields` are the caller's metadata. */
  constructor(hosted: HostedMethod, start: InProcessStart, fields: readonly string[], tools: InProcessTools) {
    super(start, fields, tools);
    this.hosted = hosted;
  }

  consumed(bytes: number): void {
    this.#window.processed(bytes);
  }

  sendHeader(): void {
    if (this.#headerSent || this.isOver) return;
    this.#headerSent = true;
    const custom = this.headerFields();
    if (custom !== undefined || this.listensTo('onHeader'))
      this.report('onHeader', [requestIdKey, this.requestId, ...(custom ?? [])]);
  }

  checkMetadata(): void {
    for (const fields of [this.#headerSent ? undefined : this.headerFields(), this.trailerFields()]) {
      if (fields !== undefined && !fits([requestIdKey, this.requestId, ...fields], maxMetadataBytes))
        throw responseMetadataTooLarge({ path: this.path, maxBytes: maxMetadataBytes });
    }
  }

  decompressRequest(): undefined {
    return undefined;
  }

  compressResponse(): undefined {
    return undefined;
  }

  write(response: unknown): boolean {
    const bytes = this.hosted.method.encodeResponse(response);
    this.sendHeader();
    if (this.isOver) return true;
    const { maxReceiveBytes: maxBytes } = this.tools;
    if (bytes.length > maxBytes) {
      this.end(undecodableResponse(this.path, messageTooLarge({ maxBytes })), undefined);
      return true;
    }
    const sent = this.#window.send(bytes);
    this.listener.onMessage(bytes);
    this.listener.onBytes(sent);
    return this.#window.isOpen;
  }

  succeed(): void {
    if (this.isOver) return;
    this.sendHeader();
    const custom = this.trailerFields();
    if (custom !== undefined || this.listensTo('onTrailer')) this.report('onTrailer', custom ?? []);
    if (this.claimEnd()) this.listener.onEnd(undefined);
  }

  fail(error: unknown): void {
    if (this.isOver) return;
    const { path, requestId } = this;
    const header = this.headerFields();
    if (header !== undefined && fits([requestIdKey, requestId, ...header], maxStatusBytes)) this.sendHeader();
    if (!this.claimEnd()) return;
    const sent = this.trailerWithFailure();
    const { code, details, metadata } = this.tools.toStatus(error, { path, requestId, otherBytes: sent.bytes });
    const id = this.#headerSent ? [] : [requestIdKey, requestId];
    const more = [...id, ...fieldsOf(metadata), ...fieldsOf(sent.metadata)];
    const fields = fittingStatus(code, details, more, maxMetadataBytes);
    this.abandon(error);
    this.report('onTrailer', fields);
    const fate = !this.#headerSent && code === Status.UNIMPLEMENTED ? 'unimplemented' : 'answered';
    this.listener.onEnd(new TransportError(path, ...statusOf(fields, false), metadataOf(fields), fate));
  }

  attachPump(pump: ReplyPump): void {
    this.#pump = pump;
  }

  protected refuse(error: unknown): void {
    withoutContext(() => {
      const { peer, path } = this;
      if (!this.begun) this.tools.observer.callRefused({ peer, path, reason: refusalReasonOf(error) });
      this.fail(error);
    });
  }

  /** Decodes a request. Throws a MeshError if it cannot be decoded. */
  protected decode(bytes: Uint8Array): unknown {
    this.requestCompressed = false;
    return decodeRequest(this.hosted.method, bytes);
  }

  protected abandon(reason: unknown): void {
    this.abort(reason);
    this.#pump?.close();
  }
}
