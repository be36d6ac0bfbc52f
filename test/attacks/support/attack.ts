import { afterAll, beforeAll, expect } from 'vitest';
import type { EngineName } from '../../../mesh/engines/engines.ts';
import { type AttackedServer, startAttackedServer } from './attacked-server.ts';
import { callDuring } from './good-client.ts';
import type { Ends, ServerState } from './server-main.ts';
import { usualWire, type Wire } from './wire.ts';

/** A server under attack. */
export interface Target {
  readonly port: number;
  state(): Promise<ServerState>;
  /** Growth of its heap and buffers since the start, after garbage collection. */
  keptBytes(): Promise<number>;
  /**
   * Attacks while a well-behaved client calls the same server, which must see no error. Resolves with the connections that the
   * server ended meanwhile, and the calls that it refused.
   */
  attack(run: (port: number) => Promise<void>): Promise<Ends>;
}

/** Starts one server for a suite, in its own process, which must survive all tests. */
export function attackedServer(engine: EngineName = 'native', options: object = {}, wire: Wire = usualWire): Target {
  let server: AttackedServer | undefined;
  const started = (): AttackedServer => {
    if (!server) throw new Error('the server is not started yet: use it only in tests');
    return server;
  };
  let bytesAtStart = 0;
  beforeAll(async () => {
    server = await startAttackedServer(engine, options, wire);
    bytesAtStart = bytesOf(await server.state());
  });
  afterAll(async () => {
    await server?.state();
    await server?.[Symbol.asyncDispose]();
  });
  return {
    get port() {
      return started().port;
    },
    state: () => started().state(),
    keptBytes: async () => bytesOf(await started().state()) - bytesAtStart,
    async attack(run) {
      const { port } = started();
      const before = await started().state();
      const seen = await callDuring(port, () => run(port));
      expect(seen.errors).toEqual([]);
      // It has processed everything and is still alive.
      const { ended, refused } = await started().state();
      return { ended: increase(before.ended, ended), refused: increase(before.refused, refused) };
    },
  };
}

/** By how much each count has grown; those that have not are left out. */
function increase<Counts extends Readonly<Record<string, number>>>(before: Counts, after: Counts): Counts {
  const grown = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(grown.filter(([, count]) => count > 0)) as Counts;
}

function bytesOf({ heapBytes, bufferBytes }: ServerState): number {
  return heapBytes + bufferBytes;
}
