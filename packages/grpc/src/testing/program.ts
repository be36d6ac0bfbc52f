import type { CallContext, CallOptions, ServerMiddlewareCall } from 'nice-grpc-common';
import type * as ours from '../index.ts';
import { type Text, Texts } from './texts.ts';

/** What a program imports, from nice-grpc or from this package. */
export type Library = Pick<
  typeof ours,
  'createServer' | 'createChannel' | 'createClientFactory' | 'Metadata' | 'ServerError' | 'Status'
>;

/**
 * A program for nice-grpc: it serves and calls all kinds of methods, with metadata, errors, middleware and cancellation, and
 * returns what it has seen. `server` and `client` are the libraries it imports, which may differ.
 */
export async function runProgram(server: Library, client: Library): Promise<readonly string[]> {
  const seen: string[] = [];
  const started = await startServer(server, seen);
  const channel = client.createChannel(`127.0.0.1:${started.port}`);
  try {
    await callServer(client, client.createClientFactory().use(noted('outer', seen)).create(Texts, channel), seen);
    return seen;
  } finally {
    channel.close();
    started.stop();
  }
}

async function startServer({ createServer, ServerError, Status }: Library, seen: string[]) {
  const log = async function* log<Request, Response>(
    call: ServerMiddlewareCall<Request, Response, { caller: string }>,
    context: CallContext,
  ) {
    seen.push(`server ${call.method.path}`);
    return yield* call.next(call.request, { ...context, caller: context.metadata.get('caller') ?? 'nobody' });
  };
  const texts = createServer().use(log);
  texts.add(Texts, {
    async one({ text }, { caller, header, trailer }) {
      header.set('greeting', 'hello');
      trailer.set('bytes-bin', new Uint8Array([1, 2, 250]));
      if (text === 'refused') throw new ServerError(Status.NOT_FOUND, 'not found: ä 100%');
      return { text: `${text} of ${caller}` };
    },
    async *many({ text }, { signal }) {
      for (let count = 1; count <= Number(text); count += 1) yield { text: `${count}` };
      if (text !== '1') return;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      seen.push('server saw the cancellation');
    },
    async join(requests) {
      const all: string[] = [];
      for await (const { text } of requests) all.push(text);
      return { text: all.join('+') };
    },
    async *echo(requests) {
      for await (const { text } of requests) yield { text: `<${text}>` };
      yield { text: 'end' };
    },
  });
  const port = await texts.listen('127.0.0.1:0');
  return { port, stop: () => texts.forceShutdown() };
}

function noted(name: string, seen: string[]): ours.ClientMiddleware {
  return async function* note(call, options: CallOptions) {
    seen.push(`client ${name} ${call.method.path}`);
    return yield* call.next(call.request, options);
  };
}

async function callServer({ Metadata }: Library, texts: ours.Client<typeof Texts>, seen: string[]): Promise<void> {
  const options: CallOptions = {
    metadata: Metadata({ caller: 'ada' }),
    onHeader: (header) => seen.push(`header ${header.get('greeting')}`),
    onTrailer: (trailer) => seen.push(`trailer ${trailer.get('bytes-bin')?.join()}`),
  };
  seen.push((await texts.one({ text: 'request' }, options)).text);
  await texts.one({ text: 'refused' }, options).catch((error) => seen.push(String(error)));
  for await (const { text } of texts.many({ text: '3' })) seen.push(text);
  seen.push((await texts.join(stream('a', 'b', 'c'))).text);
  for await (const { text } of texts.echo(stream('x', 'y'))) seen.push(text);
  const controller = new AbortController();
  try {
    for await (const { text } of texts.many({ text: '1' }, { signal: controller.signal })) {
      seen.push(text);
      controller.abort();
    }
  } catch (error) {
    seen.push(error instanceof Error ? error.name : '');
  }
  const until = Date.now() + 5_000;
  while (!seen.includes('server saw the cancellation') && Date.now() < until)
    await new Promise((resolve) => setTimeout(resolve, 5));
}

async function* stream(...texts: string[]): AsyncIterable<Text> {
  for (const text of texts) yield { text };
}
