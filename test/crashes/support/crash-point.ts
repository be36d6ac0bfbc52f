import { AsyncLocalStorage } from 'node:async_hooks';
import type { Runtime } from '../../../mesh/app/service/service.ts';
import { intercept } from '../../../mesh/testing/intercept.ts';
import type { ServiceName } from '../../support/all-services.ts';

/**
 * The operation at which a process dies: a call (`charge`), publishing from the outbox (`publish`, `enqueue`), a transaction
 * (`commit`; `inbox` and `note` are the transactions of an event and a task), or the handling of a whole event or task.
 * `after event` and `after task` are before the acknowledgement.
 */
export type Operation =
  | 'reserveStock'
  | 'charge'
  | 'createShipment'
  | 'commitStock'
  | 'cancelShipment'
  | 'refund'
  | 'releaseStock'
  | 'publish'
  | 'enqueue'
  | 'commit'
  | 'inbox'
  | 'note'
  | 'event'
  | 'task';

/** The nth operation of a service since the process is serving: `order charge 1` is the order service's first charge. */
export type Step = `${ServiceName} ${Operation} ${number}`;

export type CrashPoint = `${'before' | 'after'} ${Step}`;

/** The environment variable with the crash point of `crashing-main.ts`. */
export const crashPointVariable = 'CRASH_POINT';

/** Wraps a service's runtime so that the process dies by SIGKILL at the crash point, once it is serving. */
export function crashAt(point: CrashPoint, runtime: Runtime, serves: () => boolean): Runtime {
  const [moment, , operation, nth] = point.split(' ');
  const handling = new AsyncLocalStorage<'inbox' | 'note'>();
  let count = 0;

  const pass = async <T>(passed: Operation, run: () => Promise<T>): Promise<T> => {
    if (passed !== operation || !serves()) return run();
    count += 1;
    const isHere = count === Number(nth);
    if (isHere && moment === 'before') die();
    try {
      return await run();
    } finally {
      if (isHere) die();
    }
  };

  return {
    ...runtime,
    client: (contract, options) =>
      intercept(runtime.client(contract, options), { [`${operation}`]: (run) => pass(operation as Operation, run) }),
    events: {
      ...intercept(runtime.events, { publish: (run) => pass('publish', run) }),
      consume: (options) =>
        runtime.events.consume({
          ...options,
          handle: (event, signal) => pass('event', () => handling.run('inbox', () => options.handle(event, signal))),
        }),
    },
    tasks: {
      ...intercept(runtime.tasks, { enqueue: (run) => pass('enqueue', run) }),
      work: (options) =>
        runtime.tasks.work({
          ...options,
          handle: (task, signal) => pass('task', () => handling.run('note', () => options.handle(task, signal))),
        }),
    },
    openStorage: async (service) =>
      intercept(await runtime.openStorage(service), {
        transaction: (run) => pass(handling.getStore() ?? 'commit', run),
      }),
  };
}

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('SIGKILL had no effect');
}
