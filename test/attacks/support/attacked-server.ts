import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { EngineName } from '../../../mesh/engines/engines.ts';
import type { ServerState } from './server-main.ts';

/** A server to attack, in a process of its own. */
export interface AttackedServer extends AsyncDisposable {
  readonly port: number;
  /** Rejects when the process is gone. */
  state(): Promise<ServerState>;
}

/** Starts a server with the methods of `server-main.ts` on an engine. `options` go to its server host. */
export async function startAttackedServer(engine: EngineName, options: object = {}): Promise<AttackedServer> {
  const main = fileURLToPath(new URL('server-main.ts', import.meta.url));
  const child = fork(main, [engine, JSON.stringify(options)], { execArgv: ['--expose-gc'], stdio: 'inherit' });
  const exited = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`the server is gone: code ${code}, signal ${signal}`);
  });
  exited.catch(() => undefined);
  const answer = async <T>(): Promise<T> => (await Promise.race([once(child, 'message'), exited]))[0] as T;
  const { port } = await answer<{ readonly port: number }>();
  return {
    port,
    state() {
      const told = answer<ServerState>();
      child.send('state', (error) => error && child.kill());
      return told;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited.catch(() => undefined);
    },
  };
}
