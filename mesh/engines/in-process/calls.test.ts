import { AsyncLocalStorage } from 'node:async_hooks';
import { Metadata, Status } from 'nice-grpc-common';
import { expect, it, onTestFinished } from 'vitest';
import { invalidRequest } from '../../errors/errors.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import { decodeStatusDetails, statusDetailsKey } from '../../errors/status-details.ts';
import { eventually } from '../../testing/eventually.ts';
import type { EngineHandler } from '../engine.ts';
import { callOf, jsonMethod, serveWithin } from './testing/within.ts';

interface Note {
  text: string;
  tags: string[];
}

const note = jsonMethod<Note>('unary');
const bidi = jsonMethod<Note>('bidi-streaming');

it('takes no connection, whichever kind a call has', async () => {
  const stream: EngineHandler<Note, Note> = {
    kind: 'bidi-streaming',
    async *handle(notes) {
      yield* notes;
    },
  };
  const { host, transport } = await serveWithin({ handler: stream });
  async function* notes() {
    yield { text: 'a', tags: [] };
    yield { text: 'b', tags: [] };
  }
  const answers = await Array.fromAsync(transport.bidiStreaming(bidi, notes(), callOf()));
  expect(answers.map(({ text }) => text)).toEqual(['a', 'b']);
  expect(host.openConnections).toBe(0);
});

it('shares no message and no metadata between caller and handler', async () => {
  let kept: Note | undefined;
  let bytes: Uint8Array | undefined;
  const { transport } = await serveWithin<Note>({
    handler: {
      kind: 'unary',
      async handle(read, { metadata }) {
        kept = read();
        kept.tags.push('of the handler');
        bytes = metadata.get('x-bin') as Uint8Array;
        bytes[0] = 9;
        metadata.set('x-text', 'of the handler');
        return kept;
      },
    },
  });
  const request = { text: 'a', tags: ['of the caller'] };
  const sent = new Uint8Array([1, 2]);
  const metadata = Metadata({ 'x-bin': sent, 'x-text': 'of the caller' });
  const answering = transport.unary(note, request, callOf({ metadata }));
  request.text = 'changed after the call';
  const answer = await answering;
  answer.tags.push('after the answer');
  expect(request.tags).toEqual(['of the caller']);
  expect([sent[0], metadata.get('x-text')]).toEqual([1, 'of the caller']);
  expect(kept).toEqual({ text: 'a', tags: ['of the caller', 'of the handler'] });
});

it('runs a handler in a later turn, without the asynchronous context of its caller', async () => {
  const context = new AsyncLocalStorage<string>();
  const order: string[] = [];
  const seen: unknown[] = [];
  const { transport } = await serveWithin<Note>({
    handler: {
      kind: 'unary',
      async handle(read, { signal }) {
        order.push('handler');
        seen.push(context.getStore());
        signal.addEventListener('abort', () => seen.push(context.getStore()));
        return read().text === 'wait' ? new Promise<Note>(() => undefined) : read();
      },
    },
  });
  const controller = new AbortController();
  await context.run('caller', async () => {
    const answer = transport.unary(note, { text: 'a', tags: [] }, callOf());
    order.push('caller');
    await answer;
    expect(context.getStore()).toBe('caller');
    const waiting = transport.unary(note, { text: 'wait', tags: [] }, callOf({ signal: controller.signal }));
    await eventually(() => expect(order).toHaveLength(3));
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: Status.CANCELLED, details: 'the caller cancelled the call' });
  });
  expect(order).toEqual(['caller', 'handler', 'handler']);
  expect(seen).toEqual([undefined, undefined, undefined]);
});

// If calls leave no time for timers, no timer ends a test either. They take far longer than the timer.
const maxTries = 100_000;

/** Becomes true in a timer. */
function soon() {
  const timer = { isOver: false };
  setTimeout(() => Object.assign(timer, { isOver: true }), 20);
  return timer;
}

it('leaves time for timers between calls that follow each other', async () => {
  const { transport } = await serveWithin<Note>({ handler: { kind: 'unary', handle: async (read) => read() } });
  const timer = soon();
  for (let left = maxTries; left > 0 && !timer.isOver; left -= 1) {
    await transport.unary(note, { text: 'a', tags: [] }, callOf());
  }
  expect(timer.isOver).toBe(true);
});

it('leaves time for timers between the messages of a stream', async () => {
  const large = { text: 'x'.repeat(1_000), tags: [] };
  const { transport } = await serveWithin<Note>({
    handler: {
      kind: 'server-streaming',
      async *handle() {
        for (let left = maxTries; left > 0; left -= 1) yield large;
      },
    },
  });
  const timer = soon();
  const messages = transport.serverStreaming(jsonMethod<Note>('server-streaming'), large, callOf());
  for await (const _ of messages) if (timer.isOver) break;
  expect(timer.isOver).toBe(true);
});

it('delivers header, trailer, and the details of an error that fits 4,000 bytes', async () => {
  const violations = Array.from({ length: 1_000 }, (_, index) => ({ field: `lines[${index}]`, description: 'is bad' }));
  const { transport } = await serveWithin<Note>({
    handler: {
      kind: 'unary',
      async handle(read, { header, trailer }) {
        header.set('x-header', 'h');
        trailer.set('x-trailer', 't');
        if (read().text === 'bad') throw invalidRequest(violations);
        return read();
      },
    },
  });
  const seen: Record<string, unknown> = {};
  const onHeader = (header: Metadata) => Object.assign(seen, { header: header.get('x-header') });
  const onTrailer = (trailer: Metadata) => Object.assign(seen, { trailer: trailer.get('x-trailer') });
  const call = callOf({ onHeader, onTrailer });
  await transport.unary(note, { text: 'good', tags: [] }, call);
  expect(seen).toEqual({ header: 'h', trailer: 't' });
  const error = await transport.unary(note, { text: 'bad', tags: [] }, call).catch((fault) => fault);
  expect(error).toMatchObject({ code: Status.INVALID_ARGUMENT, answered: true, unsent: false });
  const packed = error.trailer.get(statusDetailsKey);
  expect(packed.length).toBeLessThan(4_000);
  expect(decodeStatusDetails(packed).violations.length).toBeGreaterThan(10);
  expect(error.trailer.get('x-trailer')).toBe('t');
});

it('refuses what the listener refuses: large messages, large metadata, unknown methods', async () => {
  const { transport, refused } = await serveWithin<Note>({
    handler: {
      kind: 'unary',
      async handle(read, call) {
        if (read().text === 'metadata') call.trailer.set('x-large', 'x'.repeat(20_000));
        call.checkMetadata();
        return read().text === 'large' ? { text: 'x'.repeat(5_000_000), tags: [] } : read();
      },
    },
  });
  const code = Status.RESOURCE_EXHAUSTED;
  const send = (text: string, metadata = Metadata()) => transport.unary(note, { text, tags: [] }, callOf({ metadata }));
  await expect(send('x'.repeat(5_000_000))).rejects.toMatchObject({ code, answered: true, tooLarge: false });
  expect(refused).toEqual([{ peer: 'in-process:1', path: note.path, reason: 'message_too_large' }]);
  await expect(send('large')).rejects.toMatchObject({ code, tooLarge: true });
  await expect(send('metadata')).rejects.toMatchObject({ code, details: expect.stringContaining('16384 bytes') });
  await expect(send('a', Metadata({ 'x-large': 'x'.repeat(20_000) }))).rejects.toMatchObject({ code, answered: false });
  const unknown = { ...note, path: '/t/unknown' };
  await expect(transport.unary(unknown, { text: 'a', tags: [] }, callOf())).rejects.toMatchObject({
    code: Status.UNIMPLEMENTED,
    unimplemented: true,
  });
});

it.each(['header', 'trailer'] as const)(
  'refuses a response whose %s is above 16 KiB, even if it was not checked',
  async (part) => {
    const { transport } = await serveWithin<Note>({
      handler: {
        kind: 'unary',
        async handle(read, call) {
          call[part].set('x-large', 'x'.repeat(20_000));
          return read();
        },
      },
    });
    const seen: Metadata[] = [];
    const listening = {
      onHeader: (fields: Metadata) => seen.push(fields),
      onTrailer: (fields: Metadata) => seen.push(fields),
    };
    for (const call of [callOf(), callOf(listening)]) {
      await expect(transport.unary(note, { text: 'a', tags: [] }, call)).rejects.toMatchObject({
        code: Status.RESOURCE_EXHAUSTED,
        details: expect.stringContaining('larger than 16 KiB'),
      });
    }
    expect(seen.filter((fields) => fields.has('x-large'))).toEqual([]);
  },
);

it('ends the requests of a handler with an AbortError, and its signal, at the deadline of the call', async () => {
  const ends: unknown[] = [];
  const { transport } = await serveWithin<Note>({
    handler: {
      kind: 'client-streaming',
      async handle(notes, { signal }) {
        signal.addEventListener('abort', () => ends.push(signal.reason));
        for await (const _ of notes) ends.push('message');
        return { text: '', tags: [] };
      },
    },
  });
  async function* endless() {
    yield { text: 'a', tags: [] };
    await new Promise(() => undefined);
  }
  const method = jsonMethod<Note>('client-streaming');
  const deadlineMs = Date.now() + 500;
  await expect(transport.clientStreaming(method, endless(), callOf({ deadlineMs }))).rejects.toMatchObject({
    code: Status.DEADLINE_EXCEEDED,
  });
  expect(ends).toEqual(['message', expect.objectContaining({ reason: 'DEADLINE_EXCEEDED' })]);
  await expect(
    transport.clientStreaming(method, endless(), callOf({ deadlineMs: Date.now() - 1 })),
  ).rejects.toMatchObject({ code: Status.DEADLINE_EXCEEDED });
});

it('marks an error that the server answered, unlike one of its own', async () => {
  const { transport } = await serveWithin<Note>({
    handler: {
      kind: 'unary',
      handle: () => Promise.reject(new MeshError(Status.UNAVAILABLE, 'BUSY', 'naïve 100 %\n')),
    },
  });
  onTestFinished(() => transport.close());
  await expect(transport.unary(note, { text: '', tags: [] }, callOf())).rejects.toMatchObject({
    code: Status.UNAVAILABLE,
    details: 'naïve 100 %\n',
    answered: true,
    unsent: false,
    lost: false,
  });
});
