import { AsyncLocalStorage } from 'node:async_hooks';
import type { Runtime } from '../../app/service/service.ts';
import { createSagaEngine } from '../../saga/engine.ts';
import type { AnyDefinition, SagaStep } from '../../saga/saga.ts';
import { type Around, intercept } from '../intercept.ts';

/**
 * What a service does where a crash can cut it off, seen at the ports of its runtime: `run:<step>` and `undo:<step>` of a saga;
 * a call, by the name of its method (`charge`); `commit`, a transaction of its database (`commit:<database>` of another), called
 * `inbox:<group>` while it handles an event and `note:<queue>` while it works on a task; `write`, a statement outside of a
 * transaction; `publish` to the event log; `enqueue`
 * to the task queue; `event:<group>` and `task:<queue>`, the handling of a whole event or task, up to its acknowledgement.
 */
export type Operation = string;

/** Sees what a service does. */
export interface Observer {
  /** Runs an operation. */
  pass<T>(operation: Operation, run: () => Promise<T>): Promise<T>;
  /** Called with each operation that the service is set up for, of a saga with its name: it may never be run. */
  exists(operation: Operation, saga?: string): void;
}

/** Wraps the runtime of a service so that `observer` sees what the service does. */
export function observeRuntime(name: string, runtime: Runtime, observer: Observer): Runtime {
  const transactions = new AsyncLocalStorage<Operation>();
  const around =
    (operation: Operation): Around =>
    (run) =>
      observer.pass(operation, run);
  const handling = <T>(operation: Operation, transaction: Operation, handle: () => Promise<T>): Promise<T> =>
    observer.pass(operation, () => transactions.run(transaction, handle));

  return {
    ...runtime,
    client: (contract, options, caller) =>
      intercept(
        runtime.client(contract, options, caller),
        Object.fromEntries(unaryMethods(contract.definition).map((method) => [method, around(method)])),
      ),
    events: {
      ...intercept(runtime.events, { publish: around('publish') }),
      async consume(options) {
        const { group, handle } = options;
        observer.exists(`event:${group}`);
        return await runtime.events.consume({
          ...options,
          handle: (event, signal) => handling(`event:${group}`, `inbox:${group}`, () => handle(event, signal)),
        });
      },
    },
    tasks: {
      ...intercept(runtime.tasks, { enqueue: around('enqueue') }),
      async work(options) {
        const { queue, handle } = options;
        observer.exists(`task:${queue}`);
        return await runtime.tasks.work({
          ...options,
          handle: (task, signal) => handling(`task:${queue}`, `note:${queue}`, () => handle(task, signal)),
        });
      },
    },
    createSagaEngine: (options) =>
      createSagaEngine({ ...options, definitions: options.definitions.map((each) => observeSaga(each, observer)) }),
    async openStorage(database, options) {
      const own = database === name ? 'commit' : `commit:${database}`;
      observer.exists(own);
      const commit: Around = (run) => observer.pass(transactions.getStore() ?? own, run);
      return intercept(await runtime.openStorage(database, options), { transaction: commit, execute: around('write') });
    },
  };
}

interface Methods {
  readonly methods: Readonly<Record<string, { readonly requestStream: boolean; readonly responseStream: boolean }>>;
}

function unaryMethods(definition: object): string[] {
  const { methods } = definition as Methods;
  return Object.entries(methods).flatMap(([name, { requestStream, responseStream }]) =>
    requestStream || responseStream ? [] : [name],
  );
}

function observeSaga(definition: AnyDefinition, observer: Observer): AnyDefinition {
  for (const { name, undo } of definition.steps) {
    observer.exists(`run:${name}`, definition.name);
    if (undo) observer.exists(`undo:${name}`, definition.name);
  }
  return { ...definition, steps: definition.steps.map((step) => observeStep(step, observer)) };
}

function observeStep(step: SagaStep<never>, observer: Observer): SagaStep<never> {
  const { name, undo } = step;
  return {
    ...step,
    run: (data, context) => observer.pass(`run:${name}`, () => step.run(data, context)),
    ...(undo && { undo: (data, context) => observer.pass(`undo:${name}`, () => undo(data, context)) }),
  };
}
