import { Status } from 'nice-grpc-common';
import { expect } from 'vitest';
import { payloadOf, type StreamingInputCallRequest } from '../test-service/messages.ts';
import { type ClientCase, callOf, stream } from './case.ts';
import { sizeOf } from './message-cases.ts';

export const serverCompressedUnary: ClientCase = async ({ transport, methods }) => {
  for (const value of [true, false]) {
    const request = { responseCompressed: { value }, responseSize: 314159, payload: payloadOf(271828) };
    expect(sizeOf(await transport.unary(methods.unaryCall, request, callOf()))).toBe(314159);
  }
};

export const serverCompressedStreaming: ClientCase = async ({ transport, methods }) => {
  const responseParameters = [
    { size: 31415, compressed: { value: true } },
    { size: 92653, compressed: { value: false } },
  ];
  const answers = transport.serverStreaming(methods.streamingOutputCall, { responseParameters }, callOf());
  expect((await Array.fromAsync(answers)).map(sizeOf)).toEqual([31415, 92653]);
};

export const clientCompressedUnary: ClientCase = async (client) => {
  const probe = client.transport.unary(client.methods.unaryCall, { expectCompressed: { value: true } }, callOf());
  await expect(probe).rejects.toMatchObject({ code: Status.INVALID_ARGUMENT });
  await clientCompressedUnaryNoProbe(client);
};

export const clientCompressedUnaryNoProbe: ClientCase = async ({ transport, methods }) => {
  for (const value of [true, false]) {
    const request = { responseSize: 314159, payload: payloadOf(271828), expectCompressed: { value } };
    const answer = await transport.unary(methods.unaryCall, request, callOf({ compressRequests: value }));
    expect(sizeOf(answer)).toBe(314159);
  }
};

export const clientCompressedStreaming: ClientCase = async (client) => {
  const { transport, methods } = client;
  const requests = stream<StreamingInputCallRequest>({ expectCompressed: { value: true } });
  const probe = transport.clientStreaming(methods.streamingInputCall, requests, callOf());
  await expect(probe).rejects.toMatchObject({ code: Status.INVALID_ARGUMENT });
  await clientCompressedStreamingNoProbe(client);
};

export const clientCompressedStreamingNoProbe: ClientCase = async ({ transport, methods }) => {
  const requests = stream<StreamingInputCallRequest>(
    { payload: payloadOf(27182), expectCompressed: { value: true } },
    { payload: payloadOf(45904), expectCompressed: { value: false } },
  );
  const compressRequests = (request: unknown) =>
    (request as StreamingInputCallRequest).expectCompressed?.value ?? false;
  const answer = await transport.clientStreaming(methods.streamingInputCall, requests, callOf({ compressRequests }));
  expect(answer).toEqual({ aggregatedPayloadSize: 73086 });
};
