import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { ServerCredentials } from '@grpc/grpc-js';
import { type CallContext, createServer, ServerError, type ServerMiddlewareCall, Status } from 'nice-grpc';
import { HealthDefinition, HealthServiceImpl, HealthState } from 'nice-grpc-server-health';
import { ServerReflection, ServerReflectionService } from 'nice-grpc-server-reflection';
import { ChatDefinition, type ChatServiceImplementation, Tone } from '../chat.ts';

// A program for nice-grpc: a server of chat.v1.Chat, with middleware, health, reflection and TLS. It prints what it sees of calls.

interface Caller {
  readonly caller: string;
}

async function* identify<Request, Response>(
  call: ServerMiddlewareCall<Request, Response, Caller>,
  context: CallContext,
) {
  const caller = context.metadata.get('caller');
  if (caller === undefined) throw new ServerError(Status.UNAUTHENTICATED, 'no caller: send it as metadata');
  return yield* call.next(call.request, { ...context, caller });
}

async function* report<Request, Response>(call: ServerMiddlewareCall<Request, Response>, context: CallContext) {
  try {
    const response = yield* call.next(call.request, context);
    console.log(`${call.method.path} answered`);
    return response;
  } catch (error) {
    console.log(`${call.method.path} failed: ${error instanceof Error ? `${error.name} ${error.message}` : error}`);
    throw error;
  }
}

const health = HealthState();
health.setStatus('healthy', ChatDefinition.fullName);
let failures = 0;

const chat: ChatServiceImplementation<Caller> = {
  async greet({ name }, { caller, metadata, header, trailer, sendHeader, signal }) {
    header.set('greeting', 'hello');
    header.set('seen', metadata.getAll('tag').join());
    header.set('copy-bin', metadata.get('picture-bin') ?? new Uint8Array());
    trailer.set('sum-bin', new Uint8Array([0, 128, 255]));
    switch (name) {
      case '':
        throw new ServerError(Status.INVALID_ARGUMENT, 'name is empty: 100 % of greetings need one, ä, 😀');
      case 'flaky':
        failures += 1;
        if (failures < 3) throw new ServerError(Status.UNAVAILABLE, `failure ${failures}`);
        break;
      case 'broken':
        throw new Error('a fault that callers must not see');
      case 'slow':
        sendHeader();
        await delay(60_000, undefined, { signal });
        break;
      case 'unhealthy':
        health.setStatus('unhealthy', ChatDefinition.fullName);
        break;
    }
    const picture = new Uint8Array(name === 'large' ? 3_000_000 : 3);
    return { text: `Hello, ${name}! (from ${caller})`, picture, tone: Tone.TONE_FORMAL };
  },

  async *count({ to }, { signal }) {
    try {
      for (let number = 1; to === 0 || number <= to; number += 1) {
        yield { number };
        if (to === 0) await delay(5, undefined, { signal });
      }
    } finally {
      if (to === 0) console.log(`a count without an end ended: ${signal.aborted ? 'aborted' : 'not aborted'}`);
    }
  },

  async sum(requests) {
    let sum = 0;
    let count = 0;
    for await (const { number } of requests) {
      sum += number;
      count += 1;
    }
    return { sum, count };
  },

  async *echo(requests, { header }) {
    header.set('greeting', 'echo');
    for await (const { text } of requests) {
      if (text === 'stop') throw new ServerError(Status.ABORTED, 'stopped as asked');
      yield { text: text.toUpperCase() };
    }
    yield { text: 'end' };
  },
};

const server = createServer({ 'grpc.max_receive_message_length': 1_000_000 }).use(report);
server.add(HealthDefinition, HealthServiceImpl(health));
server.add(ServerReflectionService, ServerReflection(readFileSync('descriptors.binpb'), [ChatDefinition.fullName]));
server.with(identify).add(ChatDefinition, chat);
const port = await server.listen('127.0.0.1:0');

const secure = createServer();
secure.with(identify).add(ChatDefinition, chat);
const pair = { private_key: readFileSync('server.key'), cert_chain: readFileSync('server.crt') };
const credentials = ServerCredentials.createSsl(readFileSync('ca.crt'), [pair], true);
const securePort = await secure.listen('127.0.0.1:0', credentials);
console.log(`listens on ${port} and ${securePort}`);

process.once('SIGTERM', async () => {
  await Promise.all([server.shutdown(), secure.shutdown()]);
  console.log('stopped');
});
