import { readFileSync } from 'node:fs';
import type { Metrics } from './metrics.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};

/** Exposes the version and the start time of the process. */
export function describeProcess(metrics: Metrics): void {
  const build = metrics.gauge('ordermesh_build_info', 'The version that runs; its value is always 1.', ['version']);
  build.set({ version }, 1);
  const start = 'When the process started, in seconds since 1970-01-01T00:00:00Z.';
  metrics.gauge('ordermesh_process_start_time_seconds', start, []).set({}, performance.timeOrigin / 1000);
}
