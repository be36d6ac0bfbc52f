import { setTimeout as delay } from 'node:timers/promises';
import type { EngineMethod, MethodKind } from '../../../mesh/engines/engine.ts';
import { type EngineName, engineByName } from '../../../mesh/engines/engines.ts';
import type { CallRefusalReason, ConnectionEndReason, HostObserver } from '../../../mesh/engines/host-observer.ts';
import { fixedIdentity } from '../../../mesh/engines/tls/fixed-identity.ts';
import type { TlsMaterial } from '../../../mesh/engines/tls/tls-options.ts';
import { toStatus } from '../../../mesh/errors/to-status.ts';
import { createLogger } from '../../../mesh/telemetry/logger.ts';

/** How many connections the server ended and how many calls it refused, by reason. */
export interface Ends {
  readonly ended: Readonly<Partial<Record<ConnectionEndReason, number>>>;
  readonly refused: Readonly<Partial<Record<CallRefusalReason, number>>>;
}

/** What the server reports about itself. */
export interface ServerState extends Ends {
  /** Calls that reached a handler, except those of the well-behaved client. */
  readonly handlerRuns: number;
  /** Running handlers. */
  readonly running: number;
  /** Open sockets, including the listener and those of well-behaved clients. */
  readonly sockets: number;
  /** Memory after garbage collection, in bytes. */
  readonly heapBytes: number;
  /** Memory of buffers, in bytes. */
  readonly bufferBytes: number;
  readonly rssBytes: number;
  /** Processor time since the start, in milliseconds. */
  readonly cpuMs: number;
}

const responseBytes = 16 * 1024;
const neverMs = 2 ** 31 - 1;
let handlerRuns = 0;
let running = 0;
const ended: Partial<Record<ConnectionEndReason, number>> = {};
const refused: Partial<Record<CallRefusalReason, number>> = {};
const observer: HostObserver = {
  connectionEnded({ reason }) {
    ended[reason] = 1 + (ended[reason] ?? 0);
  },
  callRefused({ reason }) {
    refused[reason] = 1 + (refused[reason] ?? 0);
  },
};

/** A method whose messages are plain bytes. */
function bytesMethod(name: string, kind: MethodKind): EngineMethod<Uint8Array, Uint8Array> {
  const same = (bytes: Uint8Array) => bytes;
  const codec = { encodeRequest: same, decodeRequest: same, encodeResponse: same, decodeResponse: same };
  return { path: `/attacked/${name}`, kind, ...codec };
}

async function counted<T>(work: Promise<T>): Promise<T> {
  handlerRuns += 1;
  running += 1;
  try {
    return await work;
  } finally {
    running -= 1;
  }
}

async function* endless(signal: AbortSignal) {
  handlerRuns += 1;
  running += 1;
  try {
    while (!signal.aborted) yield Buffer.alloc(responseBytes);
  } finally {
    running -= 1;
  }
}

async function bytesOf(requests: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  let bytes = 0;
  for await (const request of requests) bytes += request.length;
  return Buffer.from(`${bytes}`);
}

async function serve(engineName: EngineName, options: object, material: TlsMaterial | null): Promise<number> {
  const engine = await engineByName(engineName);
  const logger = createLogger('silent');
  const host = engine.createServerHost({
    ...options,
    tls: material ? { identity: fixedIdentity(material) } : undefined,
    observer,
    toStatus: (error, call) => toStatus(error, call, logger),
  });
  host.add(bytesMethod('Good', 'unary'), { kind: 'unary', handle: async (read) => read() });
  host.add(bytesMethod('Echo', 'unary'), { kind: 'unary', handle: (read) => counted(Promise.resolve(read())) });
  // Never responds; ends with its call.
  host.add(bytesMethod('Hang', 'unary'), {
    kind: 'unary',
    handle: (read, { signal }) => counted(delay(neverMs, read(), { signal })),
  });
  // Responds with as many bytes as the request asks for.
  host.add(bytesMethod('Large', 'unary'), {
    kind: 'unary',
    handle: (read) => counted(Promise.resolve(Buffer.alloc(Number(Buffer.from(read()).toString())))),
  });
  host.add(bytesMethod('Endless', 'server-streaming'), {
    kind: 'server-streaming',
    handle: (_, { signal }) => endless(signal),
  });
  host.add(bytesMethod('Count', 'client-streaming'), {
    kind: 'client-streaming',
    handle: (requests) => counted(bytesOf(requests)),
  });
  // Reads none of its requests.
  host.add(bytesMethod('Unread', 'client-streaming'), {
    kind: 'client-streaming',
    handle: (_, { signal }) => counted(delay(neverMs, Buffer.alloc(0), { signal })),
  });
  host.add(bytesMethod('Names', 'unary'), {
    kind: 'unary',
    handle: (_, { metadata }) => counted(Promise.resolve(Buffer.from([...metadata].map(([name]) => name).join()))),
  });
  return host.listen('127.0.0.1:0');
}

function state(): ServerState {
  gc?.();
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const sockets = process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
  const memory = { heapBytes: heapUsed, bufferBytes: arrayBuffers, rssBytes: rss };
  return { handlerRuns, running, ended, refused, sockets, ...memory, cpuMs: (user + system) / 1_000 };
}

const [engineName, options, material] = process.argv.slice(2);
process.on('message', () => process.send?.(state()));
process.on('disconnect', () => process.exit());
process.send?.({
  port: await serve(engineName as EngineName, JSON.parse(options ?? '{}'), JSON.parse(material ?? 'null')),
});
