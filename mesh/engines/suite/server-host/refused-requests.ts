import { deflateSync, gzipSync } from 'node:zlib';
import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { rawCall } from '../../../server/testing/raw-call.ts';
import { eventually } from '../../../testing/eventually.ts';
import { grpcFrame } from '../../../testing/grpc-frame.ts';
import type { Engine, EngineCall, EngineHandler, MethodKind } from '../../engine.ts';
import type { CallRefusalReason } from '../../host-observer.ts';
import { many, startWith } from './text-host.ts';

const maxReceiveBytes = 1_000;

interface FaultyRequest {
  readonly title: string;
  /** Not sent completely if it is `undefined`. */
  readonly body: Buffer | undefined;
  readonly headers?: Record<string, string>;
  readonly reason: CallRefusalReason;
  readonly status: Status;
}

const tooLarge = { reason: 'message_too_large', status: Status.RESOURCE_EXHAUSTED } as const;

/** Requests that have a fault as soon as they are read, whatever the kind of their call. */
const faulty: readonly FaultyRequest[] = [
  { title: 'too large a message', body: many('a'.repeat(maxReceiveBytes + 1)), ...tooLarge },
];

/** Requests that are refused only if there has to be exactly one message. */
const faultyOnes: readonly FaultyRequest[] = [
  ...faulty,
  { title: 'no message', body: Buffer.alloc(0), reason: 'wrong_request_count', status: Status.UNIMPLEMENTED },
  { title: 'two messages', body: many('a', 'b'), reason: 'wrong_request_count', status: Status.UNIMPLEMENTED },
  {
    title: 'no message until the deadline',
    body: undefined,
    headers: { 'grpc-timeout': '50m' },
    reason: 'request_incomplete',
    status: Status.DEADLINE_EXCEEDED,
  },
];

/** Requests that grpc-js finds faulty by itself; the native engine decompresses when the handler reads. */
const undecompressable: readonly FaultyRequest[] = [
  {
    title: 'a message that cannot be decompressed',
    body: grpcFrame(Buffer.from('not gzip'), true),
    headers: { 'grpc-encoding': 'gzip' },
    reason: 'undecompressable',
    status: Status.INTERNAL,
  },
  {
    title: 'a compressed message without grpc-encoding',
    body: grpcFrame(gzipSync('a'), true),
    reason: 'undecompressable',
    status: Status.INTERNAL,
  },
  {
    title: 'a message that is too large once it is decompressed',
    body: grpcFrame(deflateSync('a'.repeat(maxReceiveBytes + 1)), true),
    headers: { 'grpc-encoding': 'deflate' },
    ...tooLarge,
  },
];

/** Calls that end for a fault of their request: each is reported once, to the observer or by the call of its handler. */
export function refusedRequestSuite(engine: Engine): void {
  const isGrpcJs = engine.name === 'grpc-js';
  const ones = isGrpcJs ? [...faultyOnes, ...undecompressable] : faultyOnes;
  const streams = isGrpcJs ? [...faulty, ...undecompressable] : faulty;

  describe('the observer of a host', () => {
    const cases = (['unary', 'server-streaming'] as const).flatMap((kind) => ones.map((one) => ({ kind, ...one })));

    it.each(cases)('is notified once of a $kind call with $title', async ({ kind, body, headers, reason, status }) => {
      const { calls, handler } = recording(kind);
      const { session, refused } = await startWith(engine, { maxReceiveBytes }, handler);
      expect((await rawCall(session, `/t/${kind}`, body, headers)).status).toBe(status);
      await eventually(() => expect(refused).toMatchObject([{ path: `/t/${kind}`, reason }]));
      expect(refused[0]?.peer).toMatch(/^127\.0\.0\.1:\d+$/);
      expect(calls).toEqual([]);
    });

    it.each(['unary', 'server-streaming'] as const)('is not notified of a %s call that succeeds', async (kind) => {
      const { calls, handler } = recording(kind);
      const { session, refused } = await startWith(engine, {}, handler);
      expect((await rawCall(session, `/t/${kind}`, many('a'))).status).toBe(Status.OK);
      expect(calls.map(({ requestFault }) => requestFault)).toEqual([undefined]);
      expect(refused).toEqual([]);
    });
  });

  describe('a call whose handler has started', () => {
    const cases = (['client-streaming', 'bidi-streaming'] as const).flatMap((kind) =>
      streams.map((one) => ({ kind, ...one })),
    );

    it.each(cases)('has the fault of its requests: $kind with $title', async (faultyCall) => {
      const { kind, body, headers, reason, status } = faultyCall;
      const { calls, handler } = recording(kind);
      const { session, refused } = await startWith(engine, { maxReceiveBytes }, handler);
      // The second message comes when the handler has started.
      const stream = Buffer.concat([many('a'), body ?? Buffer.alloc(0)]);
      const answer = await rawCall(session, `/t/${kind}`, stream, headers);
      expect(answer.status).toBe(status);
      const reported = () => [...calls.map(({ requestFault }) => requestFault), ...refused];
      await eventually(() => expect(reported()).toContainEqual(expect.objectContaining({ reason })));
      expect(reported().filter((one) => one !== undefined)).toHaveLength(1);
    });
  });
}

/** A handler that records its calls, reads its requests and answers with their number. */
function recording(kind: MethodKind): {
  readonly calls: EngineCall[];
  readonly handler: EngineHandler<string, string>;
} {
  const calls: EngineCall[] = [];
  const count = async (requests: AsyncIterable<string>) => `${(await Array.fromAsync(requests)).length}`;
  const handlers: { readonly [Kind in MethodKind]: Extract<EngineHandler<string, string>, { kind: Kind }> } = {
    unary: {
      kind: 'unary',
      handle: async (read, call) => {
        calls.push(call);
        return read();
      },
    },
    'server-streaming': {
      kind: 'server-streaming',
      async *handle(read, call) {
        calls.push(call);
        yield read();
      },
    },
    'client-streaming': {
      kind: 'client-streaming',
      handle: async (requests, call) => {
        calls.push(call);
        return await count(requests);
      },
    },
    'bidi-streaming': {
      kind: 'bidi-streaming',
      async *handle(requests, call) {
        calls.push(call);
        yield await count(requests);
      },
    },
  };
  return { calls, handler: handlers[kind] };
}
