import { performance } from 'node:perf_hooks';

/**
 * How long the next commit of a file waits, in milliseconds, if the last one began at `startMs` and took `commitMs`. While the
 * process is busy, more transactions then share a commit, so each of them writes fewer pages. Otherwise it does not wait.
 */
export type CommitWait = (startMs: number, commitMs: number) => number;

/** What the pace of commits depends on. */
export interface Load {
  /** The time in milliseconds. */
  readonly nowMs: () => number;
  /** The share of the time since its last call in which the process was busy. */
  readonly busyShare: () => number;
}

// Below it, waiting would only add latency: the process has time to commit at once.
const minBusyShare = 0.9;
const sampleMs = 50;
/** A file of a busy process spends about this share of the time on its commits. */
const commitShare = 1 / 16;
const maxWaitMs = 5;

/** Creates the pace of all files of a process. */
export function createCommitWait(load: Load): CommitWait {
  let sampledMs = Number.NEGATIVE_INFINITY;
  let isBusy = false;
  return (startMs, commitMs) => {
    const nowMs = load.nowMs();
    if (nowMs - sampledMs >= sampleMs) {
      isBusy = load.busyShare() >= minBusyShare;
      sampledMs = nowMs;
    }
    if (!isBusy) return 0;
    return Math.max(0, Math.min(commitMs / commitShare, maxWaitMs) - (nowMs - startMs));
  };
}

let last = performance.eventLoopUtilization();

/** The pace of this process, by the use of its event loop. */
export const commitWaitMs = createCommitWait({
  nowMs: () => performance.now(),
  busyShare() {
    const current = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(current, last);
    last = current;
    return utilization;
  },
});
