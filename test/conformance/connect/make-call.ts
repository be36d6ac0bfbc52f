import { setTimeout as delay } from 'node:timers/promises';
import { Metadata } from 'nice-grpc-common';
import { Status as RpcStatus } from '../../../gen/ts/google/rpc/status.ts';
import type { EngineMethod, Transport, TransportCall } from '../../../mesh/engines/engine.ts';
import { TransportError } from '../../../mesh/engines/transport-error.ts';
import { statusDetailsKey } from '../../../mesh/errors/status-details.ts';
import { type ConformanceContract, headersOf, metadataOf } from './contract.ts';
import type * as m from './messages.ts';
import {
  type ClientCompatRequest,
  type ClientResponseResult,
  type ConformanceResponse,
  gzipCompression,
  StreamType,
} from './messages.ts';

const empty = new Uint8Array();

type Method = EngineMethod<unknown, ConformanceResponse>;

/** Makes a call as the runner describes it, and returns what the caller saw. */
export async function makeCall(
  transport: Transport,
  contract: ConformanceContract,
  request: ClientCompatRequest,
): Promise<ClientResponseResult> {
  return new RequestedCall(methodOf(contract, request.method), request).run(transport);
}

function methodOf(contract: ConformanceContract, name: string): Method {
  const methods = {
    Unary: contract.unary,
    IdempotentUnary: contract.idempotentUnary,
    ClientStream: contract.clientStream,
    ServerStream: contract.serverStream,
    BidiStream: contract.bidiStream,
    Unimplemented: contract.unimplemented,
  } as Readonly<Record<string, unknown>>;
  const method = methods[name];
  if (!method) throw new Error(`the service has no method ${name}`);
  return method as Method;
}

class RequestedCall {
  readonly #method: Method;
  readonly #request: ClientCompatRequest;
  readonly #requests: readonly unknown[];
  readonly #controller = new AbortController();
  readonly #payloads: m.ConformancePayload[] = [];
  #sent = 0;
  /** Called with each response, and at the end. */
  #onResponse: () => void = () => undefined;
  #header = Metadata();
  #trailer = Metadata();

  constructor(method: Method, request: ClientCompatRequest) {
    this.#method = method;
    this.#request = request;
    this.#requests = request.requestMessages.map(({ value = empty }) => method.decodeRequest(value));
  }

  async run(transport: Transport): Promise<ClientResponseResult> {
    let error: m.CallError | undefined;
    try {
      await this.#call(transport);
    } catch (failure) {
      error = callError(failure);
    }
    this.#onResponse();
    return {
      responseHeaders: headersOf(this.#header),
      payloads: this.#payloads,
      error,
      responseTrailers: headersOf(this.#trailer),
      numUnsentRequests: this.#requests.length - this.#sent,
    };
  }

  async #call(transport: Transport): Promise<void> {
    const call = this.#options();
    switch (this.#request.streamType) {
      case StreamType.UNARY:
        this.#received(await transport.unary(this.#method, this.#onlyRequest(), call));
        break;
      case StreamType.SERVER_STREAM:
        await this.#readAll(transport.serverStreaming(this.#method, this.#onlyRequest(), call));
        break;
      case StreamType.CLIENT_STREAM:
        this.#received(await transport.clientStreaming(this.#method, this.#send(), call));
        break;
      default:
        await this.#readAll(transport.bidiStreaming(this.#method, this.#send(), call));
    }
  }

  #options(): TransportCall {
    const { requestHeaders, timeoutMs, compression } = this.#request;
    return {
      metadata: metadataOf(requestHeaders),
      deadlineMs: timeoutMs === undefined ? undefined : Date.now() + timeoutMs,
      signal: this.#controller.signal,
      compressRequests: compression === gzipCompression,
      onHeader: (header) => {
        this.#header = header;
      },
      onTrailer: (trailer) => {
        this.#trailer = trailer;
      },
    };
  }

  #onlyRequest(): unknown {
    this.#sent = 1;
    this.#cancelAfterSending();
    return this.#requests[0];
  }

  async *#send(): AsyncGenerator<unknown, void, undefined> {
    const { requestDelayMs = 0, streamType, cancel } = this.#request;
    for (const request of this.#requests) {
      if (requestDelayMs > 0) await delay(requestDelayMs);
      const response = Promise.withResolvers<void>();
      this.#onResponse = response.resolve;
      yield request;
      this.#sent += 1;
      if (streamType === StreamType.FULL_DUPLEX_BIDI_STREAM) await response.promise;
    }
    if (cancel?.beforeCloseSend) this.#controller.abort();
    else this.#cancelAfterSending();
  }

  #cancelAfterSending(): void {
    const { cancel } = this.#request;
    if (!cancel || cancel.beforeCloseSend || cancel.afterNumResponses !== undefined) return;
    setTimeout(() => this.#controller.abort(), cancel.afterCloseSendMs ?? 0);
  }

  async #readAll(responses: AsyncIterable<ConformanceResponse>): Promise<void> {
    for await (const response of responses) this.#received(response);
  }

  #received({ payload = {} }: ConformanceResponse): void {
    this.#payloads.push(payload);
    if (this.#request.cancel?.afterNumResponses === this.#payloads.length) this.#controller.abort();
    this.#onResponse();
  }
}

function callError(failure: unknown): m.CallError {
  if (!(failure instanceof TransportError)) throw failure;
  const { code, details: message, trailer } = failure;
  const packed = trailer.get(statusDetailsKey);
  const details = packed === undefined ? [] : RpcStatus.decode(packed as Uint8Array).details;
  return { code, message, details: details.map(({ typeUrl, value }) => ({ type_url: typeUrl, value })) };
}
