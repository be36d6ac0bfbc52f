import { type Ending, type SpawnedProcess, spawnCommand } from '../../../mesh/testing/servers/spawn-command.ts';

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
export async function startProgram(options: ProgramOptions): Promise<ExampleProgram> {
  const runs: SpawnedProcess[] = [];
  async function start(): Promise<void> {
    const run = spawnCommand(options);
    runs.push(run);
    await run.printed(/^ready/m);
  }
  const end = (signal: NodeJS.Signals) => (runs.at(-1) as SpawnedProcess).end(signal);

  await start();
  return {
    output: () => runs.map((run) => run.stdout() + run.stderr()).join(''),
    start,
    kill9: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
    [Symbol.asyncDispose]: async () => void (await end('SIGKILL')),
  };
}
