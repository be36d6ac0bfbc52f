import { afterAll, beforeAll, expect } from 'vitest';
import type { EngineName } from '../../../mesh/engines/engines.ts';
import { type AttackedServer, startAttackedServer } from './attacked-server.ts';
import { callDuring } from './good-client.ts';
import type { ServerState } from './server-main.ts';

/** A server under attack. */
export interface Target {
  readonly port: number;
  state(): Promise<ServerState>;
  /** Growth of its heap and buffers since the start, after garbage collection. */
  keptBytes(): Promise<number>;
  /** Attacks while a well-behaved client calls the same server, which must see no error. */
  attack(run: (port: number) => Promise<void>): Promise<void>;
}

/** Starts one server for a suite, in its own process, which must survive all tests. */
export function attackedServer(engine: EngineName = 'native', options: object = {}): Target {
  let server: AttackedServer | undefined;
  const started = (): AttackedServer => {
    if (!server) throw new Error('the server is not started yet: use it only in tests');
    return server;
  };
  let bytesAtStart = 0;
  beforeAll(async () => {
    server = await startAttackedServer(engine, options);
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
      const seen = await callDuring(port, () => run(port));
      expect(seen.errors).toEqual([]);
      // It has processed everything and is still alive.
      await started().state();
    },
  };
}

function bytesOf({ heapBytes, bufferBytes }: ServerState): number {
  return heapBytes + bufferBytes;
}
