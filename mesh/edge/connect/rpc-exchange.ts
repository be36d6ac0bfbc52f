import type { IncomingHttpHeaders } from 'node:http';
import type { Message, Registry } from '@bufbuild/protobuf';
import { type ConnectError, createContextKey } from '@connectrpc/connect';
import { encodeEnvelope } from '@connectrpc/connect/protocol';
import type { FastifyRequest } from 'fastify';
import type { Metadata } from 'nice-grpc-common';
import type { MeshError } from '../../errors/mesh-error.ts';
import type { HttpCall } from '../http-call.ts';
import { connectErrorOf } from './connect-error.ts';
import type { MessageReader } from './read-message.ts';
import { type MessageCoding, readMessages } from './read-messages.ts';
import { type HeaderFilter, requestMetadata } from './request-metadata.ts';

export interface ExchangeOptions {
  readonly coding: MessageCoding;
  readonly query: URLSearchParams;
  readonly readMessage: MessageReader;
  readonly registry: Registry;
  readonly passesHeader: HeaderFilter;
  /** Why it is refused before its body is read; `undefined`: it is not. */
  readonly refused: unknown;
  /** Describes and reports what a request has failed with. */
  readonly failed: (request: FastifyRequest, error: unknown) => MeshError;
}

/** Under which the library hands the exchange to the implementation of a method. */
export const exchangeKey = createContextKey<RpcExchange | undefined>(undefined);

const compressedFlag = 1;
const utf8 = new TextEncoder();

/**
 * A request on its way through the protocol library. The library checks the protocol and writes the answer; messages are read by the
 * edge, as strictly as for REST, so the library gets an empty one in place of each.
 */
export class RpcExchange {
  readonly call: HttpCall;
  /** The empty message. */
  readonly placeholder: string;
  /** Is called for each message, in either direction. */
  onMessage: () => void = () => undefined;
  readonly #request: FastifyRequest;
  readonly #options: ExchangeOptions;
  readonly #messages: Buffer[] = [];
  readonly #announced = Promise.withResolvers<Headers>();
  #fault: unknown;

  constructor(request: FastifyRequest, options: ExchangeOptions) {
    this.call = request.call;
    this.placeholder = options.coding.form.isBinary ? '' : '{}';
    this.#request = request;
    this.#options = options;
  }

  /** The headers of the request. */
  get headers(): IncomingHttpHeaders {
    return this.#request.headers;
  }

  /** The version of Connect that the request names, `1`, or `v1` in a query. Curl and gRPC-Web name none. */
  get protocolVersion(): string | undefined {
    const { coding, query } = this.#options;
    if (coding.form.place === 'query') return query.get('connect') ?? undefined;
    return this.headers['connect-protocol-version'] as string | undefined;
  }

  /** The metadata for the service. Throws INVALID_ARGUMENT `INVALID_HEADER`. */
  get metadata(): Metadata {
    return requestMetadata(this.#request.headers, this.#options.passesHeader);
  }

  /** Resolves with the headers of the answer when the service has sent its own, which may be before its first message. */
  get announced(): Promise<Headers> {
    return this.#announced.promise;
  }

  /** The service has sent its headers, which are among these. */
  announce(headers: Headers): void {
    this.#announced.resolve(headers);
  }

  /** The body for the library. */
  async *body(): AsyncGenerator<Uint8Array, void> {
    const { coding, query } = this.#options;
    const { headers, raw } = this.#request;
    const empty = utf8.encode(this.placeholder);
    try {
      if (this.#options.refused !== undefined) throw this.#options.refused;
      for await (const { bytes, isOpaque } of readMessages(coding, { query, headers, body: raw })) {
        this.call.requestBytes = bytes.length;
        this.#messages.push(bytes);
        yield coding.form.place === 'envelopes' ? encodeEnvelope(isOpaque ? compressedFlag : 0, empty) : empty;
      }
    } catch (error) {
      throw this.refuse(error);
    }
  }

  /** Reads the message of a query, which has no body. */
  async readQuery(): Promise<void> {
    try {
      await Array.fromAsync(this.body());
    } catch (error) {
      this.#fault = error;
    }
  }

  /** Decodes the next message. Throws if it is not valid. */
  message(): Message {
    const bytes = this.#messages.shift();
    if (bytes === undefined) throw this.#fault ?? new TypeError('the request has no message');
    this.onMessage();
    return this.#options.readMessage(bytes, this.#options.coding.form.isBinary);
  }

  /** Turns what a call has failed with into the error of the protocols, and reports it. */
  refuse(error: unknown): ConnectError {
    const { registry, failed } = this.#options;
    return connectErrorOf(failed(this.#request, error), registry);
  }
}
