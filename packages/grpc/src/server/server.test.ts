import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../../../mesh/testing/eventually.ts';
import { type CallContext, type ChannelOptions, createServer, type ServerMiddlewareCall } from '../index.ts';
import { serveTexts, texts, textsAt } from '../testing/serve-texts.ts';
import { Texts } from '../testing/texts.ts';

describe('a server', () => {
  it('runs its middleware from the first to the last, then that of the service', async () => {
    const seen: string[] = [];
    const note = (name: string) =>
      async function* noted<Request, Response>(call: ServerMiddlewareCall<Request, Response>, context: CallContext) {
        seen.push(name);
        return yield* call.next(call.request, context);
      };
    const server = createServer().use(note('first')).use(note('second'));
    server.with(note('third')).add(Texts, texts);
    const port = await server.listen('127.0.0.1:0');
    onTestFinished(() => server.forceShutdown());
    await textsAt(port).one({ text: '' });
    expect(seen).toEqual(['first', 'second', 'third']);
  });

  it('completes open calls at a shutdown and accepts no others', async () => {
    const entered = Promise.withResolvers<void>();
    const leave = Promise.withResolvers<void>();
    const { server, port } = await serveTexts({
      async one() {
        entered.resolve();
        await leave.promise;
        return { text: 'done' };
      },
    });
    const answer = textsAt(port).one({ text: '' });
    await entered.promise;
    const stopped = server.shutdown();
    await expect(textsAt(port).one({ text: '' })).rejects.toThrow('UNAVAILABLE');
    leave.resolve();
    expect(await answer).toEqual({ text: 'done' });
    await stopped;
  });

  it('cancels open calls at a forced shutdown', async () => {
    const entered = Promise.withResolvers<AbortSignal>();
    const { server, port } = await serveTexts({
      one: (_, { signal }) => {
        entered.resolve(signal);
        return new Promise(() => undefined);
      },
    });
    const answer = textsAt(port).one({ text: '' });
    const signal = await entered.promise;
    server.forceShutdown();
    await expect(answer).rejects.toThrow('CANCELLED');
    expect(signal.aborted).toBe(true);
  });

  it('tells callers nothing of unexpected errors, and warns of them', async () => {
    const warned = Promise.withResolvers<Error>();
    process.once('warning', warned.resolve);
    const { port } = await serveTexts({
      one: async () => {
        throw new TypeError('a secret');
      },
    });
    const answer = textsAt(port).one({ text: '' });
    await expect(answer).rejects.toThrow('/test.v1.Texts/One UNKNOWN: Unknown server error occurred');
    expect((await warned.promise).message).toContain('a secret');
  });

  it('ends a call at the deadline of a client that sends one', async () => {
    const { port } = await serveTexts({ one: () => new Promise(() => undefined) });
    const grpcJs = await import('@grpc/grpc-js');
    const client = new grpcJs.Client(`127.0.0.1:${port}`, grpcJs.credentials.createInsecure());
    onTestFinished(() => client.close());
    const code = new Promise((resolve) => {
      const serialize = (bytes: Buffer) => bytes;
      const options = { deadline: Date.now() + 50 };
      client.makeUnaryRequest(Texts.one.path, serialize, serialize, Buffer.of(), options, (error) =>
        resolve(error?.code),
      );
    });
    expect(await code).toBe(4);
  });

  it('compresses in both directions', async () => {
    const gzip: ChannelOptions = { 'grpc.default_compression_algorithm': 2 };
    const text = 'a'.repeat(100_000);
    const { port } = await serveTexts({}, gzip);
    expect(await textsAt(port, gzip).one({ text })).toEqual({ text });
  });

  it('starts again after a shutdown', async () => {
    const { server, port } = await serveTexts();
    await server.shutdown();
    expect(await server.listen(`127.0.0.1:${port}`)).toBe(port);
    await eventually(async () => expect(await textsAt(port).one({ text: 'x' })).toEqual({ text: 'x' }));
  });

  it('lets handlers copy, extend and change the context', async () => {
    const seen = Promise.withResolvers<object>();
    const changed = async function* changed<Request, Response>(
      call: ServerMiddlewareCall<Request, Response, { role: string }>,
      context: CallContext,
    ) {
      Object.assign(context, { peer: 'somebody', user: 'ada' });
      return yield* call.next(call.request, { ...context, role: 'admin' });
    };
    const server = createServer().use(changed);
    server.add(Texts, {
      ...texts,
      async one({ text }, context) {
        seen.resolve({ ...context });
        return { text };
      },
    });
    const port = await server.listen('127.0.0.1:0');
    onTestFinished(() => server.forceShutdown());
    await textsAt(port).one({ text: '' });
    const copied = await seen.promise;
    expect(Object.keys(copied)).toEqual([
      ...['metadata', 'peer', 'header', 'sendHeader', 'trailer', 'signal'],
      ...['user', 'role'],
    ]);
    expect(copied).toMatchObject({ peer: 'somebody', user: 'ada', role: 'admin', signal: { aborted: false } });
  });

  it.each([
    [
      {},
      /^test.v1.Texts\/One, test.v1.Texts\/Many, .* have no handler: pass functions one, many, join, echo to add\(\)$/,
    ],
    [undefined, 'test.v1.Texts/Echo have no handler'],
    [{ ...texts, many: 'many' }, 'test.v1.Texts/Many has no handler: pass a function many to add()'],
  ])('refuses a service without the handlers of all methods: %o', (incomplete, text) => {
    expect(() => createServer().add(Texts, incomplete as never)).toThrow(text);
  });

  it('refuses a service that was added before, whatever its middleware', () => {
    const server = createServer();
    server.add(Texts, texts);
    const other = server.with(async function* pass(call, context) {
      return yield* call.next(call.request, context);
    });
    const text = 'service test.v1.Texts has been added before: add each service once';
    expect(() => server.add(Texts, texts)).toThrow(text);
    expect(() => other.add({ one: Texts.one }, { one: texts.one })).toThrow(text);
  });

  it('accepts handlers that are methods of a class', async () => {
    class Echoes {
      readonly #prefix = 'echo of ';
      async one({ text }: { text: string }) {
        return { text: this.#prefix + text };
      }
    }
    const server = createServer();
    server.add({ one: Texts.one }, new Echoes());
    const port = await server.listen('127.0.0.1:0');
    onTestFinished(() => server.forceShutdown());
    expect(await textsAt(port).one({ text: 'x' })).toEqual({ text: 'echo of x' });
  });

  it('adds nothing to the metadata of its handlers', async () => {
    const { port } = await serveTexts();
    const seen: string[] = [];
    const note = (metadata: Iterable<[string, unknown]>) => seen.push(...[...metadata].map(([key]) => key));
    await textsAt(port).one({ text: '' }, { onHeader: note, onTrailer: note });
    expect(seen).toEqual([]);
  });
});
