import { Metadata, Status } from 'nice-grpc-common';
import { expect } from 'vitest';
import { initialKey, trailingKey } from '../test-service/handlers.ts';
import { payloadOf, type StreamingOutputCallRequest as Request } from '../test-service/messages.ts';
import { type ClientCase, callOf, stream } from './case.ts';
import { sizeOf } from './message-cases.ts';

export const customMetadata: ClientCase = async ({ transport, methods }) => {
  const initial = 'test_initial_metadata_value';
  const trailing = new Uint8Array([0xab, 0xab, 0xab]);
  const seen: unknown[] = [];
  const call = () =>
    callOf({
      metadata: Metadata().set(initialKey, initial).set(trailingKey, trailing),
      onHeader: (header) => seen.push(header.get(initialKey)),
      onTrailer: (trailer) => seen.push(Buffer.from(trailer.get(trailingKey) ?? [])),
    });
  const one = await transport.unary(methods.unaryCall, { responseSize: 314159, payload: payloadOf(271828) }, call());
  expect(sizeOf(one)).toBe(314159);
  const requests = stream<Request>({ responseParameters: [{ size: 314159 }], payload: payloadOf(271828) });
  const many = await Array.fromAsync(transport.bidiStreaming(methods.fullDuplexCall, requests, call()));
  expect(many.map(sizeOf)).toEqual([314159]);
  expect(seen).toEqual([initial, Buffer.from(trailing), initial, Buffer.from(trailing)]);
};

export const statusCodeAndMessage: ClientCase = async ({ transport, methods }) => {
  const responseStatus = { code: Status.UNKNOWN, message: 'test status message' };
  const expected = { code: Status.UNKNOWN, details: 'test status message' };
  await expect(transport.unary(methods.unaryCall, { responseStatus }, callOf())).rejects.toMatchObject(expected);
  const requests = stream<Request>({ responseStatus });
  const answers = transport.bidiStreaming(methods.fullDuplexCall, requests, callOf());
  await expect(Array.fromAsync(answers)).rejects.toMatchObject(expected);
};

export const specialStatusMessage: ClientCase = async ({ transport, methods }) => {
  const message = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n';
  const request = { responseStatus: { code: Status.UNKNOWN, message } };
  const call = transport.unary(methods.unaryCall, request, callOf());
  await expect(call).rejects.toMatchObject({ code: Status.UNKNOWN, details: message });
};

export const unimplementedMethod: ClientCase = async ({ transport, methods }) => {
  const call = transport.unary(methods.unimplementedCall, {}, callOf());
  await expect(call).rejects.toMatchObject({ code: Status.UNIMPLEMENTED });
};

export const unimplementedService: ClientCase = async ({ transport, methods }) => {
  const call = transport.unary(methods.unimplementedServiceCall, {}, callOf());
  await expect(call).rejects.toMatchObject({ code: Status.UNIMPLEMENTED });
};
