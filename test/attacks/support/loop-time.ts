import { rename, rm, writeFile } from 'node:fs/promises';

/**
 * Preloaded into a server (`--import`): measures the processor time of its main thread, in total and of the longest turn, in
 * which nothing else was served. Time in which other processes have the processor does not count. At SIGUSR2 it writes the
 * `LoopTime` to the file of the setting `LOOP_TIME_FILE`, and begins again.
 */
export interface LoopTime {
  readonly totalMs: number;
  readonly longestMs: number;
}

const file = process.env.LOOP_TIME_FILE ?? '';
const everyMs = 2;
let longestMs = 0;
let firstMs = processorMs();
let lastMs = firstMs;

setInterval(() => {
  const nowMs = processorMs();
  longestMs = Math.max(longestMs, nowMs - lastMs);
  lastMs = nowMs;
}, everyMs).unref();

process.on('SIGUSR2', async () => {
  const time: LoopTime = { totalMs: processorMs() - firstMs, longestMs };
  longestMs = 0;
  firstMs = processorMs();
  await writeFile(`${file}.new`, JSON.stringify(time));
  await rm(file, { force: true });
  await rename(`${file}.new`, file);
});

function processorMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
