import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

// Version 1 of control groups has a folder for each kind, version 2 one for all.
const cpuGroups = '/sys/fs/cgroup/cpu';

const periodUs = 10_000;

/** How a process is limited to half of a core. */
export type HalfCoreBy = 'quota' | 'pauses';

/** A process that gets half of a core until the limit ends. */
export interface HalfCore {
  readonly by: HalfCoreBy;
  end(): void;
}

/**
 * Limits a process to half of the time of a core: by a quota of the kernel, or, where this user may set none, by pausing it for
 * half of each 10 ms.
 */
export function limitToHalfCore(pid: number): HalfCore {
  const group = join(cpuGroups, `ordermesh-bench-${pid}`);
  try {
    mkdirSync(group);
    writeFileSync(join(group, 'cpu.cfs_period_us'), String(periodUs));
    writeFileSync(join(group, 'cpu.cfs_quota_us'), String(periodUs / 2));
    writeFileSync(join(group, 'cgroup.procs'), String(pid));
    return {
      by: 'quota',
      end() {
        writeFileSync(join(cpuGroups, 'cgroup.procs'), String(pid));
        rmdirSync(group);
      },
    };
  } catch {
    return pauseHalfTheTime(pid);
  }
}

function pauseHalfTheTime(pid: number): HalfCore {
  let isPaused = false;
  const timer = setInterval(() => {
    isPaused = !isPaused;
    process.kill(pid, isPaused ? 'SIGSTOP' : 'SIGCONT');
  }, periodUs / 2_000);
  return {
    by: 'pauses',
    end() {
      clearInterval(timer);
      process.kill(pid, 'SIGCONT');
    },
  };
}
