import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Ending } from '../../../mesh/testing/servers/start-process.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

export interface ProgramOptions {
  readonly command: readonly string[];
  /** Besides the path. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A program in another language that can be killed and started again. */
export interface ExampleProgram extends AsyncDisposable {
  /** Standard output and standard error of all its runs. */
  output(): string;
  start(): Promise<void>;
  /** Kills it like a power cut: no handler runs. */
  kill9(): Promise<void>;
  /** Stops it with SIGTERM and waits until it exits. */
  stop(): Promise<Ending>;
}

/** Starts a program and waits until it prints a line that begins with `ready`. Throws with its output if it exits before. */
export async function startProgram({ command, environment }: ProgramOptions): Promise<ExampleProgram> {
  const [file = '', ...args] = command;
  let output = '';
  let child: ChildProcess;
  let ended: Promise<Ending>;

  async function start(): Promise<void> {
    child = spawn(file, args, { cwd: root, env: { PATH: process.env.PATH, ...environment } });
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    ended = once(child, 'close').then(([code, signal]) => {
      process.removeListener('exit', kill);
      return { code, signal };
    });
    const before = output.length;
    const ready = new Promise<'ready'>((resolve) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream?.setEncoding('utf8').on('data', (text: string) => {
          output += text;
          if (/^ready/m.test(output.slice(before))) resolve('ready');
        });
      }
    });
    if ((await Promise.race([ready, ended])) !== 'ready') throw new Error(`${command.join(' ')} exited:\n${output}`);
  }

  const end = async (signal: NodeJS.Signals): Promise<Ending> => {
    child.kill(signal);
    return ended;
  };

  await start();
  return {
    output: () => output,
    start,
    kill9: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
    [Symbol.asyncDispose]: async () => void (await end('SIGKILL')),
  };
}
