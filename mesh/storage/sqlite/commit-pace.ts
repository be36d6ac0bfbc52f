import { performance } from 'node:perf_hooks';

// Below it, waiting would only add latency: the process has time to commit at once.
const busyShare = 0.9;
const sampleMs = 50;
/** A file of a busy process spends about this share of the time on its commits. */
const commitShare = 1 / 16;
const maxWaitMs = 5;

let last = performance.eventLoopUtilization();
let sampledMs = 0;
let isBusy = false;

/**
 * How long the next commit of a file waits, in milliseconds, if the last one began at `startMs` and took `commitMs`. While the
 * process is busy, more transactions then share a commit, so each of them writes fewer pages. Otherwise it does not wait.
 */
export function commitWaitMs(startMs: number, commitMs: number): number {
  const nowMs = performance.now();
  if (nowMs - sampledMs >= sampleMs) {
    const current = performance.eventLoopUtilization();
    isBusy = performance.eventLoopUtilization(current, last).utilization >= busyShare;
    last = current;
    sampledMs = nowMs;
  }
  if (!isBusy) return 0;
  return Math.max(0, Math.min(commitMs / commitShare, maxWaitMs) - (nowMs - startMs));
}
