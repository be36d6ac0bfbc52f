import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What is written when garbage has been collected. */
export const collected = 'collected';

/** Collects all garbage at each SIGUSR2, so that what the process holds then is what it needs. */
export function collectOnSignal(): void {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  process.on('SIGUSR2', () => {
    collect();
    process.stdout.write(`${collected}\n`);
  });
}
