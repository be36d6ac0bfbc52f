import { setTimeout } from 'node:timers/promises';
import { Status } from 'nice-grpc-common';
import type { Runtime } from '../../mesh/app/service.ts';
import { MeshError } from '../../mesh/errors/mesh-error.ts';
import type { Storage, Transaction } from '../../mesh/storage/storage.ts';

/** A call that the saga of an order makes. */
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

/** What is wrong with a call: it never comes, its answer never comes, it fails each time, or it is refused. */
export type Trouble = 'hangs before' | 'hangs after' | 'is unavailable' | 'is refused';

interface Held {
  readonly operation: Operation;
  readonly trouble: Trouble;
  readonly met: PromiseWithResolvers<string>;
  readonly over: PromiseWithResolvers<void>;
}

/** Faults that a mesh in this process has on demand, each where a real one would be: on a call, in the log, in the queue. */
export interface Troubles {
  /** The next order that comes to the operation has the trouble there, each time. Resolves with its id once it has met it. */
  forNextOrder(operation: Operation, trouble: Trouble): Promise<string>;
  /** An order's trouble is over, and it has this one instead. Resolves once it has met it. */
  change(orderId: string, operation: Operation, trouble: Trouble): Promise<string>;
  /** An order's trouble is over. */
  end(orderId: string): void;
  /** Topics that the log does not take events for, as if it were away. */
  readonly closedTopics: Set<string>;
  /** Keys of events that the log refuses for what they are. */
  readonly refusedKeys: Set<string>;
  /** Queues that do not take tasks, as if they were away. */
  readonly closedQueues: Set<string>;
  /** Users whose orders the report service's projection of orders cannot take. */
  readonly unreportedUsers: Set<string>;
  /** The runtime of a service that has them. */
  on(runtime: Runtime): Runtime;
}

/** Makes them; there is none at first. */
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
    // Also when the answer is what is lost: by the time the caller hears of it, the effect is there.
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
      client: (contract) => withCalls(runtime.client(contract), pass),
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

/** A storage that takes no summary of these users' orders. */
function withoutReports(storage: Storage, users: ReadonlySet<string>): Storage {
  const limit = (tx: Transaction) =>
    replace(tx, {
      query: async (sql, params = []) => {
        const isTheirs = params.some((param) => typeof param === 'string' && users.has(param));
        if (isTheirs && sql.includes('order_summaries')) throw new Error('a bug in the projection');
        return await tx.query(sql, params);
      },
      execute: async (sql, params = []) => {
        const isTheirs = params.some((param) => typeof param === 'string' && users.has(param));
        if (isTheirs && sql.includes('order_summaries')) throw new Error('a bug in the projection');
        return await tx.execute(sql, params);
      },
    });
  return replace(storage, { transaction: (work, options) => storage.transaction((tx) => work(limit(tx)), options) });
}

/** An object some of whose methods are others. */
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

/** Asks again until it holds. Rejects after 60 s. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`waited in vain for: ${what}`);
    await setTimeout(20);
  }
}
