import { afterAll, beforeAll, expect, vi } from 'vitest';
import type { EngineName } from '../../../mesh/engines/engines.ts';
import { type AttackedServer, startAttackedServer } from './attacked-server.ts';
import { beside } from './good-client.ts';
import type { ServerState } from './server-main.ts';

/** A server that the tests of a file attack. */
export interface Target {
  readonly port: number;
  state(): Promise<ServerState>;
  /** How much more memory it has than when it was started, in heap and buffers, after garbage collection. */
  keptBytes(): Promise<number>;
  /** Attacks, while a good client calls the same server and must see no error. */
  attack(run: (port: number) => Promise<void>): Promise<void>;
}

/** One server for all tests of a suite, in a process of its own, which must outlive them. */
export function attackedServer(engine: EngineName = 'native', options: object = {}): Target {
  let server: AttackedServer | undefined;
  const started = (): AttackedServer => {
    if (!server) throw new Error('the server is started before the first test: use it in one');
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
      const seen = await beside(port, () => run(port));
      expect(seen.errors).toEqual([]);
      // It dealt with everything, and still lives.
      await started().state();
    },
  };
}

function bytesOf({ heapBytes, bufferBytes }: ServerState): number {
  return heapBytes + bufferBytes;
}

/** Asks again, ten times a second for 10 s, until `check` does not throw: what a server has to clear away takes a while. */
export function settles(check: () => Promise<void>): Promise<void> {
  return vi.waitFor(check, { timeout: 10_000, interval: 100 });
}
