import { readFileSync } from 'node:fs';
import {
  type CallOptions,
  type Channel,
  ChannelCredentials,
  ClientError,
  type ClientMiddlewareCall,
  createChannel,
  createClient,
  createClientFactory,
  Metadata,
  Status,
  waitForChannelReady,
} from 'nice-grpc';
import { deadlineMiddleware } from 'nice-grpc-client-middleware-deadline';
import { retryMiddleware } from 'nice-grpc-client-middleware-retry';
import { HealthDefinition } from 'nice-grpc-server-health';
import { ServerReflectionService } from 'nice-grpc-server-reflection';
import reflection from 'nice-grpc-server-reflection/lib/proto/grpc/reflection/v1/reflection_pb.js';
import { ChatDefinition, Tone } from '../chat.ts';

// A program for nice-grpc: it calls what server.ts serves, on the ports of its arguments, and prints what it sees.

const [port, securePort] = process.argv.slice(2);

async function* note<Request, Response>(call: ClientMiddlewareCall<Request, Response>, options: CallOptions) {
  console.log(`calls ${call.method.path}`);
  try {
    return yield* call.next(call.request, options);
  } finally {
    console.log(`called ${call.method.path}`);
  }
}

const channel = createChannel(`127.0.0.1:${port}`);
await waitForChannelReady(channel, new Date(Date.now() + 10_000));
const clients = createClientFactory().use(note).use(deadlineMiddleware).use(retryMiddleware);
const chat = clients.create(ChatDefinition, channel, { '*': { metadata: Metadata({ caller: 'ada' }) } });

await unary();
await failures();
await streams();
await endings();
await overTls();
await healthAndReflection();
channel.close();

async function unary(): Promise<void> {
  const metadata = Metadata({ caller: 'ada', tag: ['a', 'b'], 'picture-bin': new Uint8Array([1, 2, 250]) });
  const response = await chat.greet(
    { name: 'Ada' },
    {
      metadata,
      onHeader: (header) => console.log('header', header.get('greeting'), header.get('seen'), header.get('copy-bin')),
      onTrailer: (trailer) => console.log('trailer', trailer.get('sum-bin')),
    },
  );
  console.log(response.text, response.picture.length, response.tone === Tone.TONE_FORMAL);
  console.log((await chat.greet({ name: 'large' })).picture.length);
  const onRetryableError = (error: ClientError) => console.log('retries after', error.message);
  const retried = { retry: true, retryBaseDelayMs: 1, retryMaxAttempts: 5, onRetryableError };
  console.log((await chat.greet({ name: 'flaky' }, retried)).text);
}

async function failures(): Promise<void> {
  await fails('an invalid request', chat.greet({ name: '' }), true);
  await fails('a fault of the server', chat.greet({ name: 'broken' }), true);
  await fails('no caller', chat.greet({ name: 'Ada' }, { metadata: Metadata() }), true);
  await fails('a method without a handler', createClient(strangers(), channel).greet({ name: 'Ada' }));
  await fails('a request that is too large', chat.greet({ name: 'x'.repeat(2_000_000) }));
  const nowhere = createChannel('127.0.0.1:1');
  await fails('no server', createClient(ChatDefinition, nowhere).greet({ name: 'Ada' }));
  nowhere.close();
}

async function streams(): Promise<void> {
  for await (const { number } of chat.count({ to: 3 })) console.log(number);
  console.log(await chat.sum(each([1, 2, 2 ** 40], (number) => ({ number }))));
  console.log(await chat.sum(each([], (number) => ({ number }))));
  const onHeader = (header: Metadata) => console.log('header', header.get('greeting'));
  for await (const { text } of chat.echo(
    each(['one', 'two'], (text) => ({ text })),
    { onHeader },
  ))
    console.log(text);
  await fails(
    'a stream that the server ends',
    all(chat.echo(each(['one', 'stop', 'two'], (text) => ({ text })))),
    true,
  );
}

async function endings(): Promise<void> {
  await fails('a deadline', chat.greet({ name: 'slow' }, { deadline: 50 }), true);
  const before = new AbortController();
  before.abort();
  await fails('a signal that was aborted before', chat.greet({ name: 'Ada' }, { signal: before.signal }), true);
  const during = new AbortController();
  const onHeader = () => during.abort();
  await fails('a signal during a call', chat.greet({ name: 'slow' }, { signal: during.signal, onHeader }), true);
  const within = new AbortController();
  const counted = async () => {
    for await (const { number } of chat.count({ to: 0 }, { signal: within.signal })) if (number === 3) within.abort();
  };
  await fails('a signal within a stream', counted(), true);
  await fails('a deadline of a stream', all(chat.count({ to: 0 }, { deadline: 50 })), true);
  for await (const { number } of chat.count({ to: 0 })) {
    console.log(number);
    if (number === 2) break;
  }
}

async function overTls(): Promise<void> {
  const [ca, key, cert] = ['ca.crt', 'client.key', 'client.crt'].map((file) => readFileSync(file));
  const call = async (secured: Channel) => {
    const options = { metadata: Metadata({ caller: 'tls' }) };
    const { text } = await createClient(ChatDefinition, secured)
      .greet({ name: 'Ada' }, options)
      .finally(() => secured.close());
    return text;
  };
  console.log(await call(createChannel(`127.0.0.1:${securePort}`, ChannelCredentials.createSsl(ca, key, cert))));
  await fails('no certificate', call(createChannel(`127.0.0.1:${securePort}`, ChannelCredentials.createSsl(ca))));
  await fails('an unknown CA', call(createChannel(`https://127.0.0.1:${securePort}`)));
}

async function healthAndReflection(): Promise<void> {
  const health = createClient(HealthDefinition, channel);
  const service = ChatDefinition.fullName;
  console.log(await health.check({ service: '' }), await health.check({ service }));
  await fails('the health of an unknown service', health.check({ service: 'none' }));
  const end = new AbortController();
  const watched = async () => {
    for await (const { status } of health.watch({ service }, { signal: end.signal })) {
      console.log('health', status);
      if (status === 1) await chat.greet({ name: 'unhealthy' });
      else end.abort();
    }
  };
  await fails('a watch of health', watched(), true);
  const request = new reflection.ServerReflectionRequest();
  request.setListServices('');
  const responses = createClient(ServerReflectionService, channel).serverReflectionInfo(each([request], (one) => one));
  for await (const response of responses) console.log('services', response.getListServicesResponse()?.toObject());
}

/** Prints how a call fails. `withText`: what it says too, which libraries write in their own words for errors of their own. */
async function fails(what: string, call: Promise<unknown>, withText = false): Promise<void> {
  try {
    console.log(what, 'does not fail:', await call);
  } catch (error) {
    if (error instanceof ClientError) console.log(what, Status[error.code], withText ? error.message : '');
    else console.log(what, error instanceof Error ? error.name : error);
  }
}

/** The service with a method that the server does not have. */
function strangers() {
  const { greet } = ChatDefinition.methods;
  return { ...ChatDefinition, methods: { greet: { ...greet, name: 'Strange' } } } as const;
}

async function* each<Value, Message>(values: readonly Value[], toMessage: (value: Value) => Message) {
  for (const value of values) yield toMessage(value);
}

async function all(responses: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of responses);
}
