import { spawn } from 'node:child_process';

/** Exit code and output of a tool. `output` contains standard output and standard error. */
export interface ToolRun {
  /** Null if the tool was killed after the timeout. */
  readonly code: number | null;
  readonly output: string;
}

/** Runs a tool until it exits, and kills it after `timeoutMs` (default 60 s) or when this process exits. */
export function runTool([file, ...args]: readonly string[], timeoutMs = 60_000): Promise<ToolRun> {
  if (file === undefined) throw new Error('no command given');
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

/** Runs a tool and returns its output. Throws with the output unless it exits with 0. */
export async function mustRun(command: readonly string[], timeoutMs?: number): Promise<string> {
  const { code, output } = await runTool(command, timeoutMs);
  if (code !== 0)
    throw new Error(`${command.join(' ')} ${code === null ? 'timed out' : `exited with ${code}`}:\n${output}`);
  return output;
}
