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
  // Asked for the first request, which never comes, the call has begun.
  async function* silent(): AsyncGenerator<StreamingInputCallRequest> {
    caller.abort();
    await new Promise(() => undefined);
  }
  const call = transport.clientStreaming(methods.streamingInputCall, silent(), callOf({ signal: caller.signal }));
  await expect(call).rejects.toSatisfy(isCancelled);
};

export const cancelAfterFirstResponse: ClientCase = async ({ transport, methods }) => {
  const caller = new AbortController();
  const request = { responseParameters: [{ size: 31415 }], payload: payloadOf(27182) };
  const call = callOf({ signal: caller.signal });
  const answers = transport.bidiStreaming(methods.fullDuplexCall, oneAndSilence(request), call)[Symbol.asyncIterator]();
  expect(sizeOf((await answers.next()).value)).toBe(31415);
  caller.abort();
  await expect(answers.next()).rejects.toSatisfy(isCancelled);
};

export const timeoutOnSleepingServer: ClientCase = async ({ transport, methods }) => {
  const call = callOf({ deadlineMs: Date.now() + 1 });
  const answers = transport.bidiStreaming(methods.fullDuplexCall, oneAndSilence({ payload: payloadOf(27182) }), call);
  await expect(Array.fromAsync(answers)).rejects.toMatchObject({ code: Status.DEADLINE_EXCEEDED });
};

async function* oneAndSilence(request: StreamingOutputCallRequest): AsyncGenerator<StreamingOutputCallRequest> {
  yield request;
  await new Promise(() => undefined);
}

/** Whoever aborts is told so in the way of AbortSignal, or with the status. */
function isCancelled(error: unknown): boolean {
  return (
    error instanceof Error && (error.name === 'AbortError' || ('code' in error && error.code === Status.CANCELLED))
  );
}
