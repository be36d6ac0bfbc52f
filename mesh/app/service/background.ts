import type { DeadLetterQueue } from '../../dead-letters/dead-letters.ts';
import type { AggregateDefinition, Aggregates, PublishedEvent } from '../../event-store/aggregates/aggregate.ts';
import { createAggregates } from '../../event-store/aggregates/create-aggregates.ts';
import type { EventStore } from '../../event-store/event-store.ts';
import { projectionAudits } from '../../event-store/projections/audit-projections.ts';
import { createProjector, type Projector } from '../../event-store/projections/create-projector.ts';
import type { Projection } from '../../event-store/projections/projection.ts';
import { createEventStore } from '../../event-store/streams/create-event-store.ts';
import type { EventHandler } from '../../events/consumer/consumer.ts';
import {
  createEventConsumer,
  type EventConsumer,
  type EventConsumerOptions,
} from '../../events/consumer/create-consumer.ts';
import type { Outbox } from '../../events/outbox/outbox.ts';
import type { SagaEngine } from '../../saga/engine.ts';
import { createSagaEngine } from '../../saga/engine.ts';
import type { AnyDefinition } from '../../saga/saga.ts';
import type { Storage } from '../../storage/storage.ts';
import { createQueueWorker, type Queue, type QueueWorker, type QueueWorkerOptions } from '../../tasks/queue.ts';
import type { Broker, Runtime, Service } from './service.ts';

/** The share of the time to stop that steps of sagas in progress may take; the rest is left to the outbox. */
const sagasShare = 0.8;

/** Work of a service that no caller waits for. */
export interface Background {
  start(): Promise<void>;
  /** Ends it within `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

/** Runs the background work of a service: what is asked for here is started, stopped, checked and shown to operators. */
export interface BackgroundRunner {
  /** Works on the jobs of a queue. */
  worker<Job>(queue: Queue<Job>, options: Omit<QueueWorkerOptions<Job>, 'tasks' | 'queue'>): void;
  /** Runs work of any other kind. */
  background(work: Background): void;
}

/** The same, of a service with a database. */
export interface StoredBackgroundRunner extends BackgroundRunner {
  /** Consumes events. Its `check` rejects while a partition makes no progress. */
  consumer(
    handler: EventHandler,
    options?: Pick<EventConsumerOptions, 'retryDelaysMs' | 'startAt'>,
  ): Promise<EventConsumer>;
  /** Drives sagas. FAILED_PRECONDITION `SAGA_DEFINITION_CHANGED` when unfinished sagas began with other steps. */
  sagas(definitions: readonly AnyDefinition[]): Promise<SagaEngine>;
  /** Keeps projections up to date with the events of the service's event store, and audits them. */
  projector(projections: readonly Projection[]): Promise<Projector>;
}

/**
 * Opens the aggregates of one kind in the service's event store. `publish` makes the events that go to the service's topics
 * with each change. Default: nothing is published.
 */
export type OpenAggregates = <State, Body extends { readonly type: string }>(
  definition: AggregateDefinition<State, Body>,
  options?: { readonly publish?: PublishedEvent<Body> },
) => Promise<Aggregates<State, Body>>;

export interface BackgroundOptions {
  readonly name: string;
  readonly runtime: Runtime;
  readonly storage: Storage | undefined;
  readonly outbox: Outbox | undefined;
}

/** The background work of a service, as far as its setup asked for it. */
export interface ServiceBackground {
  readonly run: StoredBackgroundRunner;
  /** Opens the event store in the service's database; the same at every call. */
  readonly eventStore: () => Promise<EventStore>;
  readonly aggregates: OpenAggregates;
  /** The brokers whose events or tasks it publishes or handles. An outbox may get both. */
  readonly brokers: () => readonly Broker[];
  /** What a service with this background is to the process. Ends the setup: nothing may be registered afterwards. */
  describe(): Pick<Service, 'outbox'> &
    Required<Pick<Service, 'consumers' | 'deadLetters' | 'sagas' | 'projections' | 'audits' | 'start' | 'stop'>>;
}

/** Collects the background work of a service while it is set up. */
export function createServiceBackground({ name, runtime, storage, outbox }: BackgroundOptions): ServiceBackground {
  const { config, events, tasks, clock, logger, metrics } = runtime;
  const consumers: EventConsumer[] = [];
  const engines: SagaEngine[] = [];
  const projectors: Projector[] = [];
  const workers: QueueWorker[] = [];
  const others: Background[] = [];
  let store: Promise<EventStore> | undefined;

  let isSetUp = false;
  /** Registers a part. What comes after the setup would never be started or shown. */
  const register = <Part>(parts: Part[], part: Part): Part => {
    if (isSetUp) throw new TypeError(`service ${name} asks for background work after its setup: ask for it in setup`);
    parts.push(part);
    return part;
  };

  const stored = (): Storage => {
    if (storage) return storage;
    throw new TypeError(`service ${name} has no database: define it with migrations`);
  };
  const eventStore = () => {
    store ??= createEventStore(stored(), { clock });
    return store;
  };

  return {
    eventStore,
    async aggregates(definition, options = {}) {
      if (options.publish && !outbox)
        throw new TypeError(`service ${name} publishes the changes of ${definition.category}: define it with topics`);
      const parts = { storage: stored(), store: await eventStore(), clock, logger };
      return createAggregates(definition, { ...parts, ...(outbox && { outbox }), ...options });
    },
    run: {
      worker: (queue, options) => void register(workers, createQueueWorker({ ...options, tasks, queue })),
      background: (work) => void register(others, work),
      async consumer(handler, options) {
        const logRetentionMs = config.eventsRetentionMs;
        const { deadLettersRetentionMs } = config;
        const parts = { events, storage: stored(), logRetentionMs, deadLettersRetentionMs, metrics, clock, logger };
        return register(consumers, await createEventConsumer({ ...parts, handler, ...options }));
      },
      async sagas(definitions) {
        const options = { service: name, storage: stored(), definitions, retentionMs: config.sagasRetentionMs };
        const create = runtime.createSagaEngine ?? createSagaEngine;
        return register(engines, await create({ ...options, clock, logger, metrics }));
      },
      async projector(projections) {
        const options = { service: name, storage: stored(), store: await eventStore(), projections };
        return register(projectors, await createProjector({ ...options, clock, logger, metrics }));
      },
    },
    brokers: () => [
      ...(outbox || consumers.length > 0 ? (['events'] as const) : []),
      ...(outbox || workers.length > 0 ? (['tasks'] as const) : []),
    ],
    describe() {
      isSetUp = true;
      return {
        ...(outbox && { outbox }),
        consumers,
        deadLetters: [...consumers, ...projectors, ...(outbox ? [outbox] : [])].map(
          ({ deadLetters }): DeadLetterQueue => deadLetters,
        ),
        sagas: engines,
        projections: projectors.map(({ admin }) => admin),
        audits: projectors.flatMap(({ names, admin }) => projectionAudits(names, admin, clock)),
        async start() {
          await outbox?.start();
          for (const part of [...projectors, ...engines, ...consumers, ...workers, ...others]) await part.start();
        },
        // Together: while an event hangs, no worker takes tasks that are cut off afterwards. The outbox comes last, since what
        // the others still finish leaves events in it.
        async stop(graceMs) {
          const endMs = clock.elapsedMs() + graceMs;
          const sagasMs = outbox ? graceMs * sagasShare : graceMs;
          await Promise.all([
            ...[...others, ...workers, ...consumers].map((part) => part.stop(graceMs)),
            ...engines.map((engine) => engine.stop(sagasMs)),
          ]);
          await Promise.all(projectors.map((projector) => projector.stop()));
          await outbox?.stop(Math.max(0, endMs - clock.elapsedMs()));
        },
      };
    },
  };
}
