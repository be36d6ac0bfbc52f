import { Metadata } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import type { TransportCall } from '../../mesh/engines/engine.ts';
import { type EngineName, engineByName, engineNames } from '../../mesh/engines/engines.ts';
import { ErrorCode, Flag, FrameType } from '../../mesh/engines/native/http2/codec/frames.ts';
import { createHpackDecoder } from '../../mesh/engines/native/http2/hpack/decoder.ts';
import { blockOf, type Frame } from '../../mesh/engines/native/testing/hpack-frames.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { RuleServer, textMethod } from './rules/client-rule.ts';
import { all, header, text, trailers } from './rules/responses.ts';

const okay = { rule: 'answers', outcome: 'OK', answer: all(header(), text('a'), trailers()) };
const silent = { rule: 'never answers', outcome: 'CANCELLED', answer: () => Buffer.alloc(0) };
const unary = textMethod('unary');

describe.each(engineNames)('a request of a client on %s', (engine) => {
  it('has the fields of gRPC, pseudo-fields first and names in lower case', async () => {
    const fields = await sentFields(engine);
    const names = fields.map(([name]) => name);
    const lastPseudo = names.findLastIndex((name) => name.startsWith(':'));
    expect(names.slice(0, lastPseudo + 1).toSorted()).toEqual([':authority', ':method', ':path', ':scheme']);
    expect(names).toEqual(names.map((name) => name.toLowerCase()));
    expect(Object.fromEntries(fields)).toMatchObject({
      ':method': 'POST',
      ':scheme': 'http',
      ':path': '/rules/unary',
      te: 'trailers',
      'content-type': expect.stringMatching(/^application\/grpc(\+proto)?$/),
      'grpc-accept-encoding': expect.stringContaining('gzip'),
      'user-agent': expect.any(String),
    });
  });

  it.each([5_000, 365 * 24 * 3_600_000])(
    'has a timeout of at most eight digits for a deadline in %i ms',
    async (ms) => {
      const fields = await sentFields(engine, { deadlineMs: Date.now() + ms });
      expect(new Map(fields).get('grpc-timeout')).toMatch(/^\d{1,8}[HMSmun]$/);
    },
  );

  it('has no timeout without a deadline', async () => {
    expect(new Map(await sentFields(engine, { deadlineMs: undefined })).has('grpc-timeout')).toBe(false);
  });

  it('has metadata, binary values in base64 without padding', async () => {
    const metadata = Metadata({ 'x-text': 'a b', 'x-some-bin': new Uint8Array([255]) });
    const fields = Object.fromEntries(await sentFields(engine, { metadata }));
    expect(fields).toMatchObject({ 'x-text': 'a b', 'x-some-bin': '/w' });
  });

  it('announces its encoding and flags compressed messages', async () => {
    await using server = await RuleServer.start(okay);
    await callOnce(engine, server, { compressRequests: true });
    expect(new Map(fieldsOf(server)).get('grpc-encoding')).toBe('gzip');
    expect(bodyOf(server)[0]).toBe(1);
  });

  it('has one plain message with its length, and ends the stream', async () => {
    await using server = await RuleServer.start(okay);
    await callOnce(engine, server);
    expect(bodyOf(server)).toEqual(Buffer.from([0, 0, 0, 0, 1, 'a'.charCodeAt(0)]));
    expect(server.frames.filter(({ flags, type }) => type <= 1 && (flags & Flag.END_STREAM) > 0)).toHaveLength(1);
  });

  it('resets its stream with CANCEL if its caller cancels', async () => {
    await using server = await RuleServer.start(silent);
    const controller = new AbortController();
    const call = callOnce(engine, server, { signal: controller.signal });
    await eventually(() => expect(server.frames.some(({ type }) => type === FrameType.DATA)).toBe(true));
    controller.abort();
    await expect(call).rejects.toThrow();
    await eventually(() => {
      const reset = server.frames.find(({ type }) => type === FrameType.RST_STREAM);
      expect(reset?.payload.readUInt32BE(0)).toBe(ErrorCode.CANCEL);
    });
  });
});

async function sentFields(engine: EngineName, options: Partial<TransportCall> = {}) {
  await using server = await RuleServer.start(okay);
  await callOnce(engine, server, options);
  return fieldsOf(server);
}

async function callOnce(engine: EngineName, server: RuleServer, options: Partial<TransportCall> = {}): Promise<void> {
  const transport = (await engineByName(engine)).connect(server.address);
  const call = { metadata: Metadata(), deadlineMs: Date.now() + 10_000, signal: undefined, ...options };
  try {
    await transport.unary(unary, 'a', call);
  } finally {
    transport.close();
  }
}

/** Names and values of the first request. */
function fieldsOf({ frames }: RuleServer): (readonly [name: string, value: string])[] {
  const block = blockOf(frames.find(({ type }) => type === FrameType.HEADERS) as Frame);
  const { fields } = createHpackDecoder({ maxHeaderListBytes: 16 * 1024 }).decode(block);
  return fields.flatMap((name, index) => (index % 2 === 0 ? [[name, fields[index + 1] ?? ''] as const] : []));
}

function bodyOf({ frames }: RuleServer): Buffer {
  return Buffer.concat(frames.filter(({ type }) => type === FrameType.DATA).map(({ payload }) => payload));
}
