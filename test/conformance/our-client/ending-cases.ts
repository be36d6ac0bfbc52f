import { Status } from 'nice-grpc-common';
import { expect } from 'vitest';
import {
  payloadOf,
  type StreamingInputCallRequest,
  type StreamingOutputCallRequest,
} from '../test-service/messages.ts';
import { type ClientCase, callOf } from './case.ts';
import { sizeOf } from './message-cases.ts';

export const cancelAfterBegin: ClientCase = async ({ transport, methods }) => {
  const caller = new AbortController();
  // When the transport pulls the first request, which never arrives, the call has started.
  async function* noRequests(): AsyncGenerator<StreamingInputCallRequest> {
    caller.abort();
    await new Promise(() => undefined);
  }
  const call = transport.clientStreaming(methods.streamingInputCall, noRequests(), callOf({ signal: caller.signal }));
  await expect(call).rejects.toSatisfy(isCancelled);
};

export const cancelAfterFirstResponse: ClientCase = async ({ transport, methods }) => {
  const caller = new AbortController();
  const request = { responseParameters: [{ size: 31415 }], payload: payloadOf(27182) };
  const call = callOf({ signal: caller.signal });
  const answers = transport
    .bidiStreaming(methods.fullDuplexCall, oneThenNothing(request), call)
    [Symbol.asyncIterator]();
  expect(sizeOf((await answers.next()).value)).toBe(31415);
  caller.abort();
  await expect(answers.next()).rejects.toSatisfy(isCancelled);
};

export const timeoutOnSleepingServer: ClientCase = async ({ transport, methods }) => {
  const call = callOf({ deadlineMs: Date.now() + 1 });
  const answers = transport.bidiStreaming(methods.fullDuplexCall, oneThenNothing({ payload: payloadOf(27182) }), call);
  await expect(Array.fromAsync(answers)).rejects.toMatchObject({ code: Status.DEADLINE_EXCEEDED });
};

async function* oneThenNothing(request: StreamingOutputCallRequest): AsyncGenerator<StreamingOutputCallRequest> {
  yield request;
  await new Promise(() => undefined);
}

/** A caller that aborts gets either an AbortError or the status. */
function isCancelled(error: unknown): boolean {
  return (
    error instanceof Error && (error.name === 'AbortError' || ('code' in error && error.code === Status.CANCELLED))
  );
}
