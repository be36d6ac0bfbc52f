import { setTimeout as delay } from 'node:timers/promises';
import { ServerError, Status } from 'nice-grpc-common';
import type { EngineCall, ServerHost } from '../../../mesh/engines/engine.ts';
import {
  type BoolValue,
  type EchoStatus,
  payloadOf,
  type SimpleRequest,
  type StreamingInputCallRequest,
  type StreamingOutputCallRequest,
  type StreamingOutputCallResponse,
} from './messages.ts';
import type { TestMethods } from './methods.ts';

/** Echoed as a header and as a trailer when they come with a call. */
export const initialKey = 'x-grpc-test-echo-initial';
export const trailingKey = 'x-grpc-test-echo-trailing-bin';

/** Adds the standard test service to a host, as the descriptions of the cases have it. */
export function addTestService(host: ServerHost, methods: TestMethods): void {
  host.add(methods.emptyCall, { kind: 'unary', handle: async () => ({}) });
  host.add(methods.unaryCall, { kind: 'unary', handle: async (read, call) => answerOnce(read(), call) });
  host.add(methods.streamingOutputCall, { kind: 'server-streaming', handle: (read, call) => answerMany(read(), call) });
  host.add(methods.streamingInputCall, { kind: 'client-streaming', handle: addUp });
  host.add(methods.fullDuplexCall, { kind: 'bidi-streaming', handle: answerEach });
  host.add(methods.halfDuplexCall, { kind: 'bidi-streaming', handle: answerAllAtTheEnd });
}

async function answerOnce(request: SimpleRequest, call: EngineCall) {
  const { responseSize = 0, responseCompressed, responseStatus, expectCompressed } = request;
  echoMetadata(call);
  refuseUnlessCompressed(call, expectCompressed);
  call.compressReplies = responseCompressed?.value ?? false;
  throwIfAsked(responseStatus);
  return { payload: payloadOf(responseSize) };
}

async function* answerMany(
  { responseParameters = [], responseStatus }: StreamingOutputCallRequest,
  call: EngineCall,
): AsyncGenerator<StreamingOutputCallResponse> {
  throwIfAsked(responseStatus);
  for (const { size = 0, intervalUs = 0, compressed } of responseParameters) {
    call.compressReplies = compressed?.value ?? false;
    if (intervalUs > 0) await delay(intervalUs / 1000, undefined, { signal: call.signal });
    yield { payload: payloadOf(size) };
  }
}

async function addUp(requests: AsyncIterable<StreamingInputCallRequest>, call: EngineCall) {
  let aggregatedPayloadSize = 0;
  for await (const { payload, expectCompressed } of requests) {
    refuseUnlessCompressed(call, expectCompressed);
    aggregatedPayloadSize += payload?.body?.length ?? 0;
  }
  return { aggregatedPayloadSize };
}

async function* answerEach(requests: AsyncIterable<StreamingOutputCallRequest>, call: EngineCall) {
  echoMetadata(call);
  for await (const request of requests) yield* answerMany(request, call);
}

async function* answerAllAtTheEnd(requests: AsyncIterable<StreamingOutputCallRequest>, call: EngineCall) {
  for (const request of await Array.fromAsync(requests)) yield* answerMany(request, call);
}

function echoMetadata({ metadata, header, trailer }: EngineCall): void {
  const initial = metadata.get(initialKey);
  if (initial !== undefined) header.set(initialKey, initial);
  const trailing = metadata.get(trailingKey);
  if (trailing !== undefined) trailer.set(trailingKey, trailing);
}

/** Where an engine tells how a message came, one that came otherwise than it says is refused. */
function refuseUnlessCompressed({ requestCompressed }: EngineCall, expected: BoolValue | undefined): void {
  if (!expected?.value || requestCompressed !== false) return;
  throw new ServerError(Status.INVALID_ARGUMENT, 'this message should have come compressed: compress it');
}

function throwIfAsked(status: EchoStatus | undefined): void {
  if (status?.code) throw new ServerError(status.code, status.message ?? '');
}
