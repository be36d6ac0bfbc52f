import { setTimeout as delay } from 'node:timers/promises';
import type { EngineCall, ServerHost } from '../../../mesh/engines/engine.ts';
import { addHeaders, anyOf, anyOfInfo, type ConformanceContract, headersOf } from './contract.ts';
import type * as m from './messages.ts';

/** An error that a request asks for. */
export class RequestedError extends Error {
  readonly code: number;
  readonly details: readonly m.AnyMessage[];

  constructor({ code = 0, message = '', details }: m.CallError) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

type Definition = m.UnaryResponseDefinition | m.StreamResponseDefinition;

/**
 * Adds the ConformanceService to a host, as the comments of its contract define it. It reports no timeout above `maxTimeoutMs`: that of
 * calls whose caller set none. Default: it reports all.
 */
export function addConformanceService(
  host: ServerHost,
  contract: ConformanceContract,
  maxTimeoutMs = Number.POSITIVE_INFINITY,
): void {
  const { unary, idempotentUnary, clientStream, serverStream, bidiStream } = contract;
  const recorded = <Request>(name: string, encode: (request: Request) => Uint8Array, request: Request) =>
    anyOf(name, encode(request));

  /**
   * What a response reports about its call. The suite compares the timeout with the one that was sent, so this is read when the
   * handler starts: requests that follow take time.
   */
  const infoOf = ({ metadata, deadlineMs }: EngineCall, requests: readonly m.AnyMessage[]): m.RequestInfo => {
    const info = { requestHeaders: headersOf(metadata), requests };
    const timeoutMs = deadlineMs === undefined ? undefined : Math.max(0, Math.round(deadlineMs - Date.now()));
    return timeoutMs === undefined || timeoutMs > maxTimeoutMs ? info : { ...info, timeoutMs };
  };

  host.add(unary, {
    kind: 'unary',
    handle: async (read, call) => {
      const request = read();
      const record = recorded('UnaryRequest', unary.encodeRequest, request);
      return respondOnce(request.responseDefinition, infoOf(call, [record]), call);
    },
  });
  host.add(idempotentUnary, {
    kind: 'unary',
    handle: async (read, call) => {
      const request = read();
      const record = recorded('IdempotentUnaryRequest', idempotentUnary.encodeRequest, request);
      return respondOnce(request.responseDefinition, infoOf(call, [record]), call);
    },
  });
  host.add(clientStream, {
    kind: 'client-streaming',
    handle: async (requests, call) => {
      const info = infoOf(call, []);
      const all = await Array.fromAsync(requests);
      const records = all.map((request) => recorded('ClientStreamRequest', clientStream.encodeRequest, request));
      return respondOnce(all[0]?.responseDefinition, { ...info, requests: records }, call);
    },
  });
  host.add(serverStream, {
    kind: 'server-streaming',
    async *handle(read, call) {
      const request = read();
      const definition = request.responseDefinition;
      if (!definition) return;
      setMetadata(definition, call);
      call.sendHeader();
      const record = recorded('ServerStreamRequest', serverStream.encodeRequest, request);
      yield* respondMany(definition, definition.responseData, infoOf(call, [record]), call);
    },
  });
  host.add(bidiStream, {
    kind: 'bidi-streaming',
    handle: (requests, call) => converse(requests, call),
  });

  async function respondOnce(
    definition: m.UnaryResponseDefinition | undefined,
    requestInfo: m.RequestInfo,
    call: EngineCall,
  ): Promise<m.ConformanceResponse> {
    if (!definition) return { payload: { requestInfo } };
    const { responseDelayMs = 0, responseData = new Uint8Array(), error } = definition;
    setMetadata(definition, call);
    await delay(responseDelayMs, undefined, { signal: call.signal });
    if (error) throw withInfo(error, requestInfo);
    return { payload: { data: responseData, requestInfo } };
  }

  /** Responds with `responses`, the first of them with `info`, then with the error. */
  async function* respondMany(
    { responseDelayMs = 0, error }: m.StreamResponseDefinition,
    responses: readonly Uint8Array[],
    info: m.RequestInfo | undefined,
    call: EngineCall,
  ): AsyncGenerator<m.ConformanceResponse, void, undefined> {
    let requestInfo = info;
    for (const data of responses) {
      await delay(responseDelayMs, undefined, { signal: call.signal });
      yield { payload: requestInfo ? { data, requestInfo } : { data } };
      requestInfo = undefined;
    }
    if (error) throw requestInfo ? withInfo(error, requestInfo) : new RequestedError(error);
  }

  async function* converse(
    requests: AsyncIterable<m.StreamRequest>,
    call: EngineCall,
  ): AsyncGenerator<m.ConformanceResponse, void, undefined> {
    const info = infoOf(call, []);
    let definition: m.StreamResponseDefinition | undefined;
    let isFullDuplex = false;
    let responded = 0;
    let records: m.AnyMessage[] = [];
    let isFirst = true;
    for await (const request of requests) {
      if (isFirst) {
        definition = request.responseDefinition;
        isFullDuplex = request.fullDuplex ?? false;
        if (definition) setMetadata(definition, call);
        if (isFullDuplex) call.sendHeader();
      }
      isFirst = false;
      records.push(recorded('BidiStreamRequest', bidiStream.encodeRequest, request));
      if (!isFullDuplex) continue;
      const data = definition?.responseData[responded];
      if (data === undefined) break;
      await delay(definition?.responseDelayMs ?? 0, undefined, { signal: call.signal });
      yield {
        payload: { data, requestInfo: responded === 0 ? { ...info, requests: records } : { requests: records } },
      };
      responded += 1;
      records = [];
    }
    if (!definition) return;
    const rest = definition.responseData.slice(responded);
    yield* respondMany(definition, rest, responded === 0 ? { ...info, requests: records } : undefined, call);
  }

  function withInfo(error: m.CallError, info: m.RequestInfo): RequestedError {
    return new RequestedError({ ...error, details: [...error.details, anyOfInfo(contract, info)] });
  }
}

function setMetadata({ responseHeaders, responseTrailers }: Definition, call: EngineCall): void {
  call.compressReplies = true;
  addHeaders(call.header, responseHeaders);
  addHeaders(call.trailer, responseTrailers);
}
