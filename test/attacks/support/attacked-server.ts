import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { EngineName } from '../../../mesh/engines/engines.ts';
import type { ServerState } from './server-main.ts';
import { addSecure, serverMaterial, usualWire, type Wire } from './wire.ts';

/** A server under attack, in its own process. */
export interface AttackedServer extends AsyncDisposable {
  readonly port: number;
  /** Throws if the process has exited. */
  state(): Promise<ServerState>;
}

/** Starts the server of `server-main.ts`. `options` are passed to its server host. */
export async function startAttackedServer(
  engine: EngineName,
  options: object = {},
  wire: Wire = usualWire,
): Promise<AttackedServer> {
  const main = fileURLToPath(new URL('server-main.ts', import.meta.url));
  // The tests ping to see whether everything before was processed.
  const pings = { minIntervalMs: 0, minIdleIntervalMs: 0 };
  const material = serverMaterial(wire);
  const child = fork(main, [engine, JSON.stringify({ pings, ...options }), JSON.stringify(material ?? null)], {
    execArgv: ['--expose-gc'],
    stdio: 'inherit',
  });
  const exited = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`the server exited: code ${code}, signal ${signal}`);
  });
  exited.catch(() => undefined);
  const nextMessage = async <T>(): Promise<T> => (await Promise.race([once(child, 'message'), exited]))[0] as T;
  const { port } = await nextMessage<{ readonly port: number }>();
  if (material) addSecure(port, material);
  return {
    port,
    state() {
      const state = nextMessage<ServerState>();
      child.send('state', (error) => error && child.kill());
      return state;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited.catch(() => undefined);
    },
  };
}
