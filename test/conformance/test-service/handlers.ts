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

/** Metadata that is echoed as header and as trailer. */
export const initialKey = 'x-grpc-test-echo-initial';
export const trailingKey = 'x-grpc-test-echo-trailing-bin';

/** Adds the standard test service to a host, as the interop descriptions define it. */
export function addTestService(host: ServerHost, methods: TestMethods): void {
  host.add(methods.emptyCall, { kind: 'unary', handle: async () => ({}) });
  host.add(methods.unaryCall, { kind: 'unary', handle: async (read, call) => respondOnce(read(), call) });
  host.add(methods.streamingOutputCall, {
    kind: 'server-streaming',
    handle: (read, call) => respondMany(read(), call),
  });
  host.add(methods.streamingInputCall, { kind: 'client-streaming', handle: aggregate });
  host.add(methods.fullDuplexCall, { kind: 'bidi-streaming', handle: respondToEach });
  host.add(methods.halfDuplexCall, { kind: 'bidi-streaming', handle: respondAtTheEnd });
}

async function respondOnce(request: SimpleRequest, call: EngineCall) {
  const { responseSize = 0, responseCompressed, responseStatus, expectCompressed } = request;
  echoMetadata(call);
  rejectUnlessCompressed(call, expectCompressed);
  call.compressReplies = responseCompressed?.value ?? false;
  throwIfRequested(responseStatus);
  return { payload: payloadOf(responseSize) };
}

async function* respondMany(
  { responseParameters = [], responseStatus }: StreamingOutputCallRequest,
  call: EngineCall,
): AsyncGenerator<StreamingOutputCallResponse> {
  throwIfRequested(responseStatus);
  for (const { size = 0, intervalUs = 0, compressed } of responseParameters) {
    call.compressReplies = compressed?.value ?? false;
    if (intervalUs > 0) await delay(intervalUs / 1000, undefined, { signal: call.signal });
    yield { payload: payloadOf(size) };
  }
}

async function aggregate(requests: AsyncIterable<StreamingInputCallRequest>, call: EngineCall) {
  let aggregatedPayloadSize = 0;
  for await (const { payload, expectCompressed } of requests) {
    rejectUnlessCompressed(call, expectCompressed);
    aggregatedPayloadSize += payload?.body?.length ?? 0;
  }
  return { aggregatedPayloadSize };
}

async function* respondToEach(requests: AsyncIterable<StreamingOutputCallRequest>, call: EngineCall) {
  echoMetadata(call);
  for await (const request of requests) yield* respondMany(request, call);
}

async function* respondAtTheEnd(requests: AsyncIterable<StreamingOutputCallRequest>, call: EngineCall) {
  for (const request of await Array.fromAsync(requests)) yield* respondMany(request, call);
}

function echoMetadata({ metadata, header, trailer }: EngineCall): void {
  const initial = metadata.get(initialKey);
  if (initial !== undefined) header.set(initialKey, initial);
  const trailing = metadata.get(trailingKey);
  if (trailing !== undefined) trailer.set(trailingKey, trailing);
}

/** Rejects an uncompressed message that should be compressed, if the engine can tell. */
function rejectUnlessCompressed({ requestCompressed }: EngineCall, expected: BoolValue | undefined): void {
  if (!expected?.value || requestCompressed !== false) return;
  throw new ServerError(Status.INVALID_ARGUMENT, 'this message should be compressed');
}

function throwIfRequested(status: EchoStatus | undefined): void {
  if (status?.code) throw new ServerError(status.code, status.message ?? '');
}
