import { spawn } from 'node:child_process';

/** How a tool ended. `output` is what it wrote to standard output and errors. */
export interface ToolRun {
  /** `null` when it was ended for taking too long. */
  readonly code: number | null;
  readonly output: string;
}

/** Runs a tool to its end; after `timeoutMs`, default 60 s, it is ended. It does not outlive this process. */
export function runTool([file, ...args]: readonly string[], timeoutMs = 60_000): Promise<ToolRun> {
  if (file === undefined) throw new Error('there is no command to run');
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs, killSignal: 'SIGKILL' });
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    const chunks: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => chunks.push(chunk));
    child.once('error', reject);
    child.once('close', (code) => {
      process.removeListener('exit', kill);
      resolve({ code, output: Buffer.concat(chunks).toString() });
    });
  });
}

/** Runs a tool and resolves with what it wrote. Rejects with that when it ends otherwise than with 0. */
export async function mustRun(command: readonly string[], timeoutMs?: number): Promise<string> {
  const { code, output } = await runTool(command, timeoutMs);
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code ?? 'nothing, in time'}:\n${output}`);
  return output;
}
