import { setTimeout } from 'node:timers/promises';
import { Status } from 'nice-grpc-common';
import type { Runtime } from '../../mesh/app/service/service.ts';
import { MeshError } from '../../mesh/errors/mesh-error.ts';
import type { Storage, Transaction } from '../../mesh/storage/storage.ts';
import { changeStatementsOf } from '../../mesh/testing/change-statements.ts';

/** A call of an order's saga. */
export type Operation = (typeof operations)[number];
const operations = [
  'reserveStock',
  'charge',
  'createShipment',
  'commitStock',
  'cancelShipment',
  'refund',
  'releaseStock',
] as const;

/** What happens to a call: it never arrives, its response never arrives, it always fails, or it is refused. */
export type Trouble = 'hangs before' | 'hangs after' | 'is unavailable' | 'is refused';

interface Held {
  readonly operation: Operation;
  readonly trouble: Trouble;
  readonly met: PromiseWithResolvers<string>;
  readonly over: PromiseWithResolvers<void>;
}

/** Faults on demand for a mesh in this process: on calls, in the event log and in the task queue. */
export interface Troubles {
  /** The next order that reaches the operation meets this trouble each time. Resolves with its id when it meets it first. */
  forNextOrder(operation: Operation, trouble: Trouble): Promise<string>;
  /** Replaces an order's trouble. Resolves when the order has met the new one. */
  change(orderId: string, operation: Operation, trouble: Trouble): Promise<string>;
  /** Ends an order's trouble. */
  end(orderId: string): void;
  /** Topics for which the log is unavailable. */
  readonly closedTopics: Set<string>;
  /** Keys of events that the log refuses permanently. */
  readonly refusedKeys: Set<string>;
  /** Queues that are unavailable. */
  readonly closedQueues: Set<string>;
  /** Users whose orders the report service's projection cannot apply. */
  readonly unreportedUsers: Set<string>;
  /** Returns a service's runtime with these troubles. */
  on(runtime: Runtime): Runtime;
}

/** Creates troubles; at first there are no troubles. */
export function createTroubles(): Troubles {
  const ofOrders = new Map<string, Held>();
  let next: Held | undefined;

  const hold = (operation: Operation, trouble: Trouble): Held => {
    return { operation, trouble, met: Promise.withResolvers(), over: Promise.withResolvers() };
  };

  async function pass(operation: Operation, orderId: string, run: () => Promise<unknown>): Promise<unknown> {
    if (next?.operation === operation && !ofOrders.has(orderId)) {
      ofOrders.set(orderId, next);
      next = undefined;
    }
    const held = ofOrders.get(orderId);
    if (held?.operation !== operation) return await run();
    // Even if only the response is lost: by the time the caller notices, the effect exists.
    const answer = held.trouble === 'hangs after' ? run() : undefined;
    await answer;
    held.met.resolve(orderId);
    if (held.trouble === 'is unavailable') throw away('the service');
    if (held.trouble === 'is refused') throw refused('the call');
    await held.over.promise;
    return answer ?? (await run());
  }

  const troubles: Troubles = {
    forNextOrder(operation, trouble) {
      next = hold(operation, trouble);
      return next.met.promise;
    },
    change(orderId, operation, trouble) {
      const before = ofOrders.get(orderId);
      const held = hold(operation, trouble);
      ofOrders.set(orderId, held);
      before?.over.resolve();
      return held.met.promise;
    },
    end(orderId) {
      ofOrders.get(orderId)?.over.resolve();
      ofOrders.delete(orderId);
    },
    closedTopics: new Set(),
    refusedKeys: new Set(),
    closedQueues: new Set(),
    unreportedUsers: new Set(),
    on: (runtime) => ({
      ...runtime,
      client: (contract, options) => withCalls(runtime.client(contract, options), pass),
      events: replace(runtime.events, {
        publish: async (events) => {
          if (events.some(({ key }) => troubles.refusedKeys.has(key))) throw refused('the event');
          if (events.some(({ topic }) => troubles.closedTopics.has(topic))) throw away('the event log');
          return await runtime.events.publish(events);
        },
      }),
      tasks: replace(runtime.tasks, {
        enqueue: async (queue, tasks) => {
          if (troubles.closedQueues.has(queue)) throw away('the task queue');
          await runtime.tasks.enqueue(queue, tasks);
        },
      }),
      openStorage: async (service) => {
        const storage = await runtime.openStorage(service);
        return service === 'report' ? withoutReports(storage, troubles.unreportedUsers) : storage;
      },
    }),
  };
  return troubles;
}

type Pass = (operation: Operation, orderId: string, run: () => Promise<unknown>) => Promise<unknown>;

function withCalls<T extends object>(client: T, pass: Pass): T {
  return new Proxy(client, {
    get(_, name) {
      const member: unknown = Reflect.get(client, name);
      const operation = operations.find((known) => known === name);
      if (typeof member !== 'function' || operation === undefined) return member;
      return (request: { readonly orderId: string }, options: unknown) =>
        pass(operation, request.orderId, () => Reflect.apply(member, client, [request, options]));
    },
  });
}

/** Returns a storage that refuses order summaries of these users. */
function withoutReports(storage: Storage, users: ReadonlySet<string>): Storage {
  const limit = (tx: Transaction) =>
    changeStatementsOf(tx, (sql, params) => {
      const isTheirs = params.some((param) => typeof param === 'string' && users.has(param));
      if (isTheirs && sql.includes('order_summaries')) throw new Error('a bug in the projection');
      return sql;
    });
  return replace(storage, { transaction: (work, options) => storage.transaction((tx) => work(limit(tx)), options) });
}

/** Returns an object with some methods replaced. */
function replace<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      if (name in methods) return Reflect.get(methods, name);
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

function away(what: string): MeshError {
  return new MeshError(
    Status.UNAVAILABLE,
    'AWAY_FOR_NOW',
    `${what} is away: this is a trouble of a kept folder's writer`,
  );
}

function refused(what: string): MeshError {
  return new MeshError(
    Status.FAILED_PRECONDITION,
    'REFUSED_BY_HAND',
    `${what} is refused: as a kept folder's writer wants`,
  );
}

/** Waits until the condition holds. Throws after 60 s. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`waited in vain for: ${what}`);
    await setTimeout(20);
  }
}
