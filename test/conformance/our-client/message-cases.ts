import { expect } from 'vitest';
import {
  payloadOf,
  type StreamingInputCallRequest,
  type StreamingOutputCallRequest,
} from '../test-service/messages.ts';
import { type ClientCase, callOf, stream } from './case.ts';

const requestSizes = [27182, 8, 1828, 45904];
const responseSizes = [31415, 9, 2653, 58979];

export const emptyUnary: ClientCase = async ({ transport, methods }) => {
  expect(await transport.unary(methods.emptyCall, {}, callOf())).toEqual({});
};

export const largeUnary: ClientCase = async ({ transport, methods }) => {
  const request = { responseSize: 314159, payload: payloadOf(271828) };
  expect(sizeOf(await transport.unary(methods.unaryCall, request, callOf()))).toBe(314159);
};

export const clientStreaming: ClientCase = async ({ transport, methods }) => {
  const requests = stream<StreamingInputCallRequest>(...requestSizes.map((size) => ({ payload: payloadOf(size) })));
  const answer = await transport.clientStreaming(methods.streamingInputCall, requests, callOf());
  expect(answer).toEqual({ aggregatedPayloadSize: 74922 });
};

export const serverStreaming: ClientCase = async ({ transport, methods }) => {
  const request = { responseParameters: responseSizes.map((size) => ({ size })) };
  const answers = await Array.fromAsync(transport.serverStreaming(methods.streamingOutputCall, request, callOf()));
  expect(answers.map(sizeOf)).toEqual(responseSizes);
};

export const pingPong: ClientCase = async ({ transport, methods }) => {
  const received: number[] = [];
  const { promise: allArrived, resolve } = Promise.withResolvers<void>();
  let pongArrived = Promise.withResolvers<void>();
  async function* pings(): AsyncGenerator<StreamingOutputCallRequest> {
    for (const [index, size] of requestSizes.entries()) {
      pongArrived = Promise.withResolvers();
      yield { payload: payloadOf(size), responseParameters: [{ size: responseSizes[index] ?? 0 }] };
      await pongArrived.promise;
      expect(received).toHaveLength(index + 1);
    }
    resolve();
  }
  for await (const pong of transport.bidiStreaming(methods.fullDuplexCall, pings(), callOf())) {
    received.push(sizeOf(pong));
    pongArrived.resolve();
  }
  await allArrived;
  expect(received).toEqual(responseSizes);
};

export const emptyStream: ClientCase = async ({ transport, methods }) => {
  const nothing = stream<StreamingOutputCallRequest>();
  expect(await Array.fromAsync(transport.bidiStreaming(methods.fullDuplexCall, nothing, callOf()))).toEqual([]);
};

/** The size of the payload in bytes; 0 if there is none. */
export function sizeOf({ payload }: { readonly payload?: { readonly body?: Uint8Array } }): number {
  return payload?.body?.length ?? 0;
}
