import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Printed after each garbage collection. */
export const collected = 'collected';

/** Collects garbage on SIGUSR2, so the memory of the process is what it needs. */
export function collectOnSignal(): void {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  process.on('SIGUSR2', () => {
    collect();
    process.stdout.write(`${collected}\n`);
  });
}
