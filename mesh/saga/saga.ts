import type { Transaction } from '../storage/storage.ts';

/** What a step is given. */
export interface StepContext {
  readonly sagaId: string;
  /** The same at every try of this step, another for its undo: a UUIDv5 of saga and step, to send as `request_id`. */
  readonly requestId: string;
  /** Aborts at the step's time limit and when the engine stops: the outcome is then unknown and the step is tried again. */
  readonly signal: AbortSignal;
}

/**
 * A step of a saga. `run` has an effect somewhere else and resolves with what the later steps need, or rejects. A
 * MeshError or ClientError that is a refusal (`isRefusal` in mesh/errors/codes.ts) says that this try had no effect: the
 * saga turns back, without undoing this step unless an earlier try of it may still have one. Anything else leaves the
 * outcome unknown: the same step is tried again, with the same id, until the answer is definite or the saga's time is up;
 * then this step is undone as well. While the answers say that the installation is wired wrongly (`isMiswired`), that
 * time stands still.
 */
export interface SagaStep<Data> {
  /** kebab-case, unique in the saga: `reserve-stock`. */
  readonly name: string;
  readonly run: (data: Data, context: StepContext) => Promise<Partial<Data> | undefined>;
  /**
   * Takes the effect back, also when there was none, and has a late `run` refused from then on. Tried again until it is
   * definite; a refusal parks the saga, and so does a day without an answer. Absent: nothing to undo, and a refused `run`
   * has to stay refused.
   */
  readonly undo?: (data: Data, context: StepContext) => Promise<void>;
  /**
   * From the start of this step on the saga is not cancelled and does not run out of time any more: the step is tried
   * until the answer is definite. Its own refusal turns the saga back; the refusal of a step after it is parked, since
   * the saga can then only complete. Default false.
   */
  readonly pivot?: boolean;
  /** How long one try may take. Default 10 s. */
  readonly timeoutMs?: number;
}

/** Why a saga turned back. */
export interface SagaFailure {
  readonly reason: string;
  readonly message: string;
  /** Whether a caller asked for it. */
  readonly cancelled: boolean;
}

/** Where a saga stands, as reported to the owner of what it is about. */
export type SagaProgress<Data> =
  | { readonly at: 'step-done'; readonly step: string; readonly data: Data }
  | { readonly at: 'compensating'; readonly failure: SagaFailure; readonly data: Data }
  | { readonly at: 'completed'; readonly data: Data }
  | { readonly at: 'compensated'; readonly failure: SagaFailure; readonly data: Data }
  | { readonly at: 'needs-attention'; readonly step: string; readonly failure: SagaFailure; readonly data: Data };

/** A kind of saga. Its name and version are stored with each: a new version is another definition beside the old one. */
export interface SagaDefinition<Data> {
  readonly name: string;
  readonly version: number;
  readonly steps: readonly SagaStep<Data>[];
  /**
   * After this a saga that has not completed turns back. It counts from the start of the first step, while a step is called
   * or waits to be tried again; not while the saga waits for a slot, nor while no process drives it. Default 10 min.
   */
  readonly timeoutMs?: number;
  /**
   * Writes what a step of progress means for the owner's own rows and events, in the transaction that records it. The
   * last step's `step-done` and `completed` come in one transaction, in this order; so do `compensating` and what follows
   * when nothing is to be undone. `compensating` comes again when an operator sets a parked saga going. When it throws,
   * nothing is recorded and it is called again later.
   */
  readonly onProgress: (tx: Transaction, sagaId: string, progress: SagaProgress<Data>) => Promise<void>;
}

export type SagaState = 'running' | 'completed' | 'compensating' | 'compensated' | 'needs-attention';
export type SagaStepState = 'pending' | 'started' | 'done' | 'refused' | 'undoing' | 'undone' | 'stuck';

/** A step as it stands, for people to look at. Times are in milliseconds since the epoch. */
export interface SagaStepView {
  readonly name: string;
  readonly state: SagaStepState;
  readonly attempts: number;
  readonly startTimeMs: number | undefined;
  readonly endTimeMs: number | undefined;
  readonly lastError: string;
  readonly undoAttempts: number;
  readonly undoStartTimeMs: number | undefined;
  readonly undoEndTimeMs: number | undefined;
}

/** A saga as it stands, for people to look at. */
export interface SagaView {
  readonly id: string;
  readonly name: string;
  readonly definitionVersion: number;
  readonly subjectId: string;
  readonly state: SagaState;
  readonly steps: readonly SagaStepView[];
  readonly failure: SagaFailure | undefined;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
  readonly nextAttemptTimeMs: number | undefined;
  readonly notes: readonly string[];
}

/** Which sagas are meant. */
export interface SagaFilter {
  /** Absent: any. */
  readonly state?: SagaState;
  /** Only those that are not finished and whose current step, or its undo, failed when it was last tried. Default false. */
  readonly failing?: boolean;
}

/** What an operator can do with sagas. */
export interface SagaAdmin {
  /** In id order, after `afterId`. */
  list(filter: SagaFilter, afterId: string): AsyncIterable<SagaView>;
  get(name: { readonly id: string } | { readonly subjectId: string }): Promise<SagaView | undefined>;
  /** Sets a parked saga going again. NOT_FOUND `UNKNOWN_SAGA`, FAILED_PRECONDITION `SAGA_NOT_PARKED`. */
  retry(id: string, note: string): Promise<SagaView>;
  /**
   * Records how the stuck undo of `step` ended and goes on; `skipped` also passes over a step that was refused after the
   * pivot. Fails like `retry`, and with FAILED_PRECONDITION `STEP_NOT_STUCK` when that is not where it stopped.
   */
  resolve(id: string, step: string, outcome: 'undone' | 'skipped', note: string): Promise<SagaView>;
}

/** How much work there is, beside how much there may be. */
export interface SagaBacklog {
  /** Sagas that were begun and neither ended nor wait for an operator, also those whose definition is not known here. */
  readonly unfinished: number;
  /** How many can be worked off in the time that a backlog may take (`maxBacklogMs`). */
  readonly limit: number;
  /** How long it takes until there is room again; 0 while there is. */
  readonly retryAfterMs: number;
  /** How long the saga that waits longest for a slot has waited; only those count whose definition is known here. */
  readonly oldestWaitMs: number;
}

/** Runs durable sagas of one service, in that service's own database. */
export interface SagaEngine extends SagaAdmin {
  /** Begins a saga in the caller's transaction, beside the row it is about; it runs once that is committed. */
  begin<Data>(
    tx: Transaction,
    definition: SagaDefinition<Data>,
    saga: { readonly id: string; readonly subjectId: string; readonly data: Data },
  ): Promise<void>;
  /**
   * Asks a saga to turn back, in the caller's transaction. True also when it is turning back already. False when it is
   * too late: it is terminal, or its pivot step has started. A step under way is awaited first.
   */
  cancel(tx: Transaction, id: string, failure: { readonly reason: string; readonly message: string }): Promise<boolean>;
  /** How much is unfinished, and how much may be. Whoever begins sagas refuses more than that. */
  backlog(): Promise<SagaBacklog>;
  /**
   * Makes its table, and fails with FAILED_PRECONDITION `SAGA_DEFINITION_CHANGED` when unfinished sagas began with other
   * steps than the definition of their name and version has. To be called before anything is served.
   */
  prepare(): Promise<void>;
  /** Takes up unfinished sagas, those of a dead process included, and drives them. Fails as `prepare` does. */
  start(): Promise<void>;
  /** Starts no more steps, waits for those under way up to `graceMs` (default 5 s), aborts the rest, gives back its leases. */
  stop(graceMs?: number): Promise<void>;
}
