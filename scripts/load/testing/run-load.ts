import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { expect } from 'vitest';
import { eventually } from '../../../mesh/testing/eventually.ts';
import { ghz } from '../../../mesh/testing/servers/go-tools.ts';
import type { SpawnedProcess } from '../../../mesh/testing/servers/spawn-command.ts';
import { spawnProcess } from '../../../mesh/testing/servers/start-process.ts';
import { parseMetrics } from '../../../test/support/parse-metrics.ts';

/** The path with the ghz of the tests. */
export const path = `${dirname(ghz.path)}${delimiter}${process.env.PATH}`;

export function startLoad(variables: Record<string, string>): SpawnedProcess {
  return spawnProcess({ main: 'scripts/load.ts', dataDir: 'none', environment: { PATH: path, ...variables } });
}

/** Runs `make load` with these variables and waits until it exits. */
export async function load(variables: Record<string, string>) {
  await using run = startLoad(variables);
  const { code } = await run.ended;
  return { code, printed: run.stdout(), errors: run.stderr() };
}

export function reportOf(printed: string): string {
  return /^report: (\S+\.html)$/m.exec(printed)?.[1] ?? expect.fail(`no report:\n${printed}`);
}

/** Waits until a load has started this many processes of ghz, and returns their ids. */
export async function ghzProcesses(run: SpawnedProcess, count: number): Promise<number[]> {
  return eventually(
    () => {
      const found = childrenOf(run.child.pid, 'ghz');
      expect(found).toHaveLength(count);
      return found;
    },
    { timeoutMs: 30_000 },
  );
}

/** Returns the processes that a process has started and that run a program of this name. */
function childrenOf(pid: number | undefined, name: string): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return children.filter((child) => readFileSync(`/proc/${child}/comm`, 'utf8') === `${name}\n`).map(Number);
}

/** Whether a process still runs. One that ended stays as a zombie until its parent has noticed. */
export function isRunning(pid: number): boolean {
  const file = `/proc/${pid}/stat`;
  return existsSync(file) && !/\) Z /.test(readFileSync(file, 'utf8'));
}

/** The calls of a contract that the mesh with these metrics has begun. */
export async function startedCalls(metrics: string, contract: string): Promise<number> {
  const response = await fetch(`http://${metrics}/metrics`);
  return parseMetrics(await response.text()).get(`ordermesh_calls_started_total{contract="${contract}"}`) ?? 0;
}
