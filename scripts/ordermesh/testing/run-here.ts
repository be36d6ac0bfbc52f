import { vi } from 'vitest';
import { type Command, runCli } from '../cli.ts';
import type { ToolRun } from './spawn-tool.ts';

/**
 * Runs a command of `ordermesh` in this process, with the reading of its arguments and the printing of its errors. A process of its
 * own takes a second to start; that it exits with the code that this returns, the tests with `spawnTool` show.
 */
export async function runHere(command: Command, address: string, args: readonly string[]): Promise<ToolRun> {
  const lines: string[] = [];
  let errors = '';
  using _lines = vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(...line.split('\n')));
  using _errors = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    errors += text;
    return true;
  });
  const code = await runCli([command], ['--address', address, command.name, ...args]);
  return { code, lines, errors };
}
