import { spawnSync } from 'node:child_process';
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

// Version 1 of control groups has a folder for each kind, version 2 one for all.
const cpuGroups = '/sys/fs/cgroup/cpu';

const periodUs = 10_000;

/** How a process is limited to a share of a core. */
export type LimitedBy = 'quota' | 'pauses';

/** A process that gets a share of a core until the limit ends. */
export interface ShareOfCore {
  readonly by: LimitedBy;
  end(): void;
}

/**
 * Limits a process to a share of the time of a core, such as 0.5: by a quota of the kernel, or, where this user may set none, by
 * pausing it for the rest of each 10 ms.
 */
export function limitToShare(pid: number, share: number): ShareOfCore {
  const group = join(cpuGroups, `ordermesh-bench-${pid}`);
  try {
    mkdirSync(group);
    writeFileSync(join(group, 'cpu.cfs_period_us'), String(periodUs));
    writeFileSync(join(group, 'cpu.cfs_quota_us'), String(periodUs * share));
    writeFileSync(join(group, 'cgroup.procs'), String(pid));
    return {
      by: 'quota',
      end() {
        writeFileSync(join(cpuGroups, 'cgroup.procs'), String(pid));
        rmdirSync(group);
      },
    };
  } catch {
    return pauseForTheRest(pid, share);
  }
}

/** Keeps all threads of a process on one core, where the system can. */
export function keepOnCore(pid: number, core: number): void {
  spawnSync('taskset', ['--all-tasks', '--cpu-list', '--pid', String(core), String(pid)]);
}

function pauseForTheRest(pid: number, share: number): ShareOfCore {
  let isEnded = false;
  const turn = (isRunning: boolean) => {
    if (isEnded) return;
    process.kill(pid, isRunning ? 'SIGCONT' : 'SIGSTOP');
    setTimeout(turn, (periodUs * (isRunning ? share : 1 - share)) / 1_000, !isRunning);
  };
  turn(true);
  return {
    by: 'pauses',
    end() {
      isEnded = true;
      process.kill(pid, 'SIGCONT');
    },
  };
}
