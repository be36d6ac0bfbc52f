import type { Runtime } from '../../../mesh/app/service/service.ts';
import { observeRuntime } from '../../../mesh/testing/crashes/observe-runtime.ts';
import type { ServiceName } from '../../support/all-services.ts';

/**
 * The nth operation of a service since the process is serving, as `observeRuntime` names it, with or without what follows its
 * colon: `order charge 1` is the order service's first charge, `notification inbox 1` its first transaction of an event.
 */
export type Step = `${ServiceName} ${string} ${number}`;

export type CrashPoint = `${'before' | 'after'} ${Step}`;

/** The environment variable with the crash point of `crashing-main.ts`. */
export const crashPointVariable = 'CRASH_POINT';

/** Wraps a service's runtime so that the process dies by SIGKILL at the crash point, once it is serving. */
export function crashAt(point: CrashPoint, runtime: Runtime, serves: () => boolean): Runtime {
  const [moment, service = '', wanted = '', nth] = point.split(' ');
  let count = 0;
  return observeRuntime(service, runtime, {
    exists: () => undefined,
    async pass(operation, run) {
      const isWanted = operation === wanted || operation.startsWith(`${wanted}:`);
      if (!isWanted || !serves()) return await run();
      count += 1;
      const isHere = count === Number(nth);
      if (isHere && moment === 'before') die();
      try {
        return await run();
      } finally {
        if (isHere) die();
      }
    },
  });
}

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('SIGKILL had no effect');
}
