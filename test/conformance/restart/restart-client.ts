import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials, Metadata as GrpcJsMetadata } from '@grpc/grpc-js';
import { ClientError, Metadata, Status } from 'nice-grpc-common';
import type { EngineMethod, MethodKind } from '../../../mesh/engines/engine.ts';
import { engineByName } from '../../../mesh/engines/engines.ts';

// Calls a server while it restarts, like the other clients in this folder: with grpc-js itself, or with our transport. Writes
// a line every 20 calls until its input ends, then a summary as JSON.

interface Caller {
  call(): Promise<unknown>;
  stream(): Promise<unknown>;
}

const workers = 3;
const timeoutMs = 30_000;
const request = Buffer.from('\x0a\x02u1');
const unaryPath = '/user.v1.UserService/BatchGetUsers';
const streamPath = '/user.v1.UserService/ListUsers';
const same = (bytes: Uint8Array) => Buffer.from(bytes);

function grpcJsCaller(address: string): Caller {
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 300,
  });
  const metadata = new GrpcJsMetadata({ waitForReady: true });
  const options = () => ({ deadline: Date.now() + timeoutMs });
  return {
    call: () =>
      new Promise<void>((resolve, reject) => {
        client.makeUnaryRequest(unaryPath, same, same, request, metadata, options(), (error) =>
          error ? reject(error) : resolve(),
        );
      }),
    stream: async () => {
      const answers = client.makeServerStreamRequest(streamPath, same, same, Buffer.alloc(0), metadata, options());
      answers.resume();
      await once(answers, 'end');
    },
  };
}

async function transportCaller(name: 'native' | 'grpc-js', address: string): Promise<Caller> {
  const transport = (await engineByName(name)).connect(address);
  const codec = { encodeRequest: same, decodeRequest: same, encodeResponse: same, decodeResponse: same };
  const method = (path: string, kind: MethodKind): EngineMethod<Uint8Array, Uint8Array> => ({ path, kind, ...codec });
  const options = () => ({ metadata: Metadata(), deadlineMs: Date.now() + timeoutMs, signal: undefined });
  return {
    call: () => retryUnsent(() => transport.unary(method(unaryPath, 'unary'), request, options())),
    stream: () =>
      retryUnsent(() =>
        Array.fromAsync(transport.serverStreaming(method(streamPath, 'server-streaming'), Buffer.alloc(0), options())),
      ),
  };
}

/** A transport fails calls while the server is down. Nothing was sent then, so retry them. */
async function retryUnsent<T>(make: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await make();
    } catch (error) {
      const isUnsent = error instanceof ClientError && error.code === Status.UNAVAILABLE;
      if (!isUnsent || !error.details.includes('cannot be reached')) throw error;
      await delay(20);
    }
  }
}

const [kind, address = ''] = process.argv.slice(2);
const caller =
  kind === 'library' ? grpcJsCaller(address) : await transportCaller(kind as 'native' | 'grpc-js', address);
const seen = { calls: 0, streams: 0, failures: [] as string[] };
let isDone = false;

async function work(count: 'calls' | 'streams', make: () => Promise<unknown>): Promise<void> {
  while (!isDone) {
    await make().catch((error) => seen.failures.push(String(error)));
    seen[count] += 1;
    if ((seen.calls + seen.streams) % 20 === 0) process.stdout.write('on\n');
  }
}

const working = Array.from({ length: workers }, () => [work('calls', caller.call), work('streams', caller.stream)]);
process.stdin.resume().once('end', () => {
  isDone = true;
});
await Promise.all(working.flat());
process.stdout.write(`${JSON.stringify(seen)}\n`);
process.exit();
