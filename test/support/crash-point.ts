import { AsyncLocalStorage } from 'node:async_hooks';
import type { Runtime } from '../../mesh/app/service.ts';
import type { ServiceName } from './all-services.ts';
import { intercept } from './intercept.ts';

/**
 * What a service is about to do when its process dies: a call (`charge`), the relay of its outbox (`publish`, `enqueue`),
 * a transaction (`commit`; `inbox` and `note` are those that an event and a task make), or the handling of an event or a
 * task as a whole, whose `after` lies before its acknowledgement.
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

/** A step of a service: `order charge 1` is the order service's first charge, counted from when the process serves. */
export type Step = `${ServiceName} ${Operation} ${number}`;

/** Where a process dies. */
export type CrashPoint = `${'before' | 'after'} ${Step}`;

/** The setting of `crashing-main.ts` that holds its crash point. */
export const crashPointVariable = 'CRASH_POINT';

/** The runtime of one service, on which the process dies by SIGKILL when it serves and comes to the point. */
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
    client: (contract) =>
      intercept(runtime.client(contract), { [`${operation}`]: (run) => pass(operation as Operation, run) }),
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
  throw new Error('SIGKILL was not taken');
}
