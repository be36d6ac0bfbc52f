import type { DomainEvent } from '../../events/log/envelope.ts';
import type { Outbox } from '../../events/outbox/outbox.ts';
import type { Queryable, Storage, Transaction, TransactionOptions } from '../../storage/storage.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import type { JsonObject } from '../../values/json.ts';
import type { EventStore, RecordedEvent, StreamRange } from '../event-store.ts';
import type { EventTypes } from './event-types.ts';

/** A kind of aggregate: each one is a stream of events, and its state is the fold of them. */
export interface AggregateDefinition<State, Body extends { readonly type: string }> {
  /** `account`: the stream of `acc1` is `account-acc1`. */
  readonly category: string;
  readonly events: EventTypes<Body>;
  /** Returns the state of the aggregate `id` after an event; `state` is `undefined` before the first. A pure function. */
  evolve(state: State | undefined, body: Body, event: RecordedEvent, id: string): State;
  /** For long streams. Default: none, and a load reads all events. */
  readonly snapshots?: SnapshotDefinition<State>;
}

export interface SnapshotDefinition<State> {
  /** A snapshot is saved every so many events: a load reads at most as many. */
  readonly every: number;
  /** Increment it when `encode` or `evolve` changes: older snapshots are then ignored. */
  readonly schemaVersion: number;
  encode(state: State): JsonObject;
  decode(data: JsonObject): State;
}

/** The state at a version of the stream. */
export interface Loaded<State> {
  /** `undefined` before the first event. */
  readonly state: State | undefined;
  /** 0 before the first event. */
  readonly version: bigint;
  /** The time of the event of that version, in milliseconds since the epoch. */
  readonly lastTimeMs: number;
}

/** The state after a change. */
export interface Changed<State> extends Loaded<State> {
  readonly state: State;
  /** The events of the change; none if there was nothing to do. */
  readonly recorded: readonly RecordedEvent[];
}

/** Returns what to publish for a recorded event of the aggregate `id`; `undefined`: nothing. */
export type PublishedEvent<Body> = (event: RecordedEvent, body: Body, id: string) => DomainEvent | undefined;

/** What caused a change. */
export interface Cause {
  readonly correlationId: string;
  /** An event is never recorded with an earlier time than the one before it in its stream. */
  readonly timeMs: number;
}

/** The cause of a change, and what to publish for it instead of the default. */
export interface ChangeOptions<Body> extends Cause {
  readonly publish?: PublishedEvent<Body>;
}

/** Decides on the current state which events happen; `undefined`: none, the state is as wanted. Throws to refuse. */
export type Decide<State, Body> = (state: State | undefined) => Body | readonly Body[] | undefined;

/** A past version, or the last one at a time, in milliseconds since the epoch. */
export type Past = { readonly version: bigint } | { readonly timeMs: number };

/** The context of a call whose handler has `once`, which runs its transaction. */
export interface TransactingCall<Response> {
  readonly requestId: string;
  readonly signal: AbortSignal;
  once(work: (tx: Transaction) => Promise<Response>, options: TransactionOptions): Promise<Response>;
}

/** The aggregates of one kind. */
export interface Aggregates<State, Body extends { readonly type: string }> {
  readonly definition: AggregateDefinition<State, Body>;
  streamOf(id: string): string;
  /** Loads the current state, or a past one. */
  load(db: Queryable, id: string, past?: Past): Promise<Loaded<State>>;
  /** Reads the events of an aggregate with their bodies, the oldest first. */
  read(
    id: string,
    range?: StreamRange,
    signal?: AbortSignal,
  ): AsyncGenerator<{ readonly event: RecordedEvent; readonly body: Body }>;
  /**
   * Loads, decides, appends and publishes, in a transaction of its own. Changes of one aggregate run one after another in
   * this process and share commits. A conflict with another process is retried until `signal` aborts, then it throws
   * ABORTED `STREAM_CONFLICT`.
   */
  change(
    id: string,
    decide: Decide<State, Body>,
    options: ChangeOptions<Body>,
    signal?: AbortSignal,
  ): Promise<Changed<State>>;
  /** The same in the caller's transaction, see `transact`. Throws ABORTED `STREAM_CONFLICT` on a conflict. */
  changeIn(
    tx: Transaction,
    id: string,
    decide: Decide<State, Body>,
    options: ChangeOptions<Body>,
  ): Promise<Changed<State>>;
  /**
   * Runs the transaction of a call that changes an aggregate and perhaps more, with the call as its cause. Like `change`
   * it shares commits, retries conflicts until the call's deadline, and then runs `work` again from its start.
   */
  transact<Response>(
    id: string,
    call: TransactingCall<Response>,
    work: (tx: Transaction, cause: Cause) => Promise<Response>,
  ): Promise<Response>;
  /**
   * Appends events that were decided on a state loaded earlier; nothing is published. Throws ABORTED `STREAM_CONFLICT` if
   * the aggregate has changed since.
   */
  append(
    tx: Transaction,
    id: string,
    loaded: Loaded<State>,
    bodies: readonly Body[],
    cause: Cause,
  ): Promise<Loaded<State> & { readonly recorded: readonly RecordedEvent[] }>;
  /** Saves a snapshot of the current state. Only with `snapshots` in the definition. */
  saveSnapshot(tx: Transaction, id: string): Promise<void>;
}

export interface AggregateOptions<Body> {
  readonly storage: Storage;
  /** In the same storage. */
  readonly store: EventStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Required to publish. */
  readonly outbox?: Pick<Outbox, 'addEvent'>;
  /** What to publish for each recorded event, in the same transaction. Default: nothing. */
  readonly publish?: PublishedEvent<Body>;
}
