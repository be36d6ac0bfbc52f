import type { Transaction } from '../storage/storage.ts';

/** What a step receives in addition to the data. */
export interface StepContext {
  readonly sagaId: string;
  /**
   * The same for each attempt of this step, and another one for its undo: a UUID made of saga and step, to send as
   * `request_id`.
   */
  readonly requestId: string;
  /** Aborts at the step's time limit and when the engine stops: the outcome is then unknown and the step is retried. */
  readonly signal: AbortSignal;
}

/**
 * What a step does. An `Answer` is what its call returns, `Kept` what of it becomes part of the data, `Reached` the state
 * that the subject is then in.
 */
export interface StepOptions<Data, Answer, Kept, Reached extends string> {
  /**
   * Has an effect in another service. The data is frozen: what later steps need is what `keep` returns. A rejection that
   * is a refusal (`isRefusal` in mesh/errors/codes.ts) says that this attempt had no effect: the saga compensates,
   * without undoing this step unless an earlier attempt of it may still have an effect. Any other rejection leaves the
   * outcome unknown: the step is retried with the same request id until the answer is definite or the saga's time is up;
   * then this step is undone as well. While the answers say that the installation is wired wrongly (`isMiswired`), that
   * time stands still.
   */
  readonly run: (data: Data, context: StepContext) => Promise<Answer>;
  /** What later steps need of the answer; it is stored with the data. Default: nothing. */
  readonly keep?: (answer: Answer) => Kept;
  /**
   * Takes the effect back, even if there was none, and makes a late `run` be refused. It does not see what this step
   * keeps, since that may not be known. Retried until the answer is definite; a refusal, or a day without an answer, needs
   * an operator. Absent: there is nothing to undo, and a refused `run` has to stay refused.
   */
  readonly undo?: (data: Data, context: StepContext) => Promise<unknown>;
  /** The state that the subject is in once the step is done, for `onProgress`. Default: it stays as it is. */
  readonly reaches?: Reached;
  /** How long one attempt may take. Default: 10 s. */
  readonly timeoutMs?: number;
}

/** Why a saga compensates. */
export interface SagaFailure {
  readonly reason: string;
  readonly message: string;
  /** Whether a caller asked for it. */
  readonly cancelled: boolean;
}

/** What happened to a saga, as reported to the owner of its subject. */
export type SagaProgress<Data, Reached extends string = string> = {
  readonly sagaId: string;
  readonly data: Data;
} & (
  | { readonly at: 'step-done'; readonly step: string; readonly reached: Reached | undefined }
  | { readonly at: 'compensating' | 'compensated'; readonly failure: SagaFailure }
  | { readonly at: 'completed' }
  | { readonly at: 'needs-attention'; readonly step: string; readonly failure: SagaFailure }
);

/** A step as the engine runs it: `run` resolves with what is added to the data. */
export interface SagaStep<Data> {
  readonly name: string;
  readonly run: (data: Data, context: StepContext) => Promise<object | undefined>;
  readonly undo?: (data: Data, context: StepContext) => Promise<unknown>;
  readonly pivot?: boolean;
  readonly reaches?: string;
  readonly timeoutMs?: number;
}

/** A kind of saga that begins with `Data`, as `saga` defines it. */
export interface SagaDefinition<Data> {
  readonly name: string;
  readonly version: number;
  readonly steps: readonly SagaStep<Data>[];
  readonly timeoutMs?: number;
  readonly requestIds?: RequestIds;
  readonly report: (tx: Transaction, progress: SagaProgress<Data>) => Promise<void>;
}

/** A definition of any data: only a saga of that very definition may be given to it. */
export type AnyDefinition = SagaDefinition<never>;

/** A saga that begins with `Start`, and `Data` once the steps so far are done. */
export interface Saga<Start extends object, Data extends object = Start, Reached extends string = never>
  extends SagaDefinition<Start> {
  /** Adds a step. Its name is in kebab-case and unique in the saga: `reserve-stock`. */
  step<Answer, Kept extends object = Data, const Next extends string = never>(
    name: string,
    options: StepOptions<Data, Answer, Kept, Next>,
  ): Saga<Start, Data & Kept, Reached | Next>;
  /**
   * Adds the step after which there is no way back. Once it has started, the saga can neither be cancelled nor run out of
   * time: the step is retried until the answer is definite. If it is refused, the saga compensates; if a step after it is
   * refused, the saga needs an operator, since it can then only complete.
   */
  pivot<Answer, Kept extends object = Data, const Next extends string = never>(
    name: string,
    options: StepOptions<Data, Answer, Kept, Next>,
  ): Saga<Start, Data & Kept, Reached | Next>;
  /**
   * Writes what progress means for the owner's own rows and events, in the transaction that records it. The last step's
   * `step-done` and `completed` come in one transaction, in this order; so do `compensating` and what follows when there is
   * nothing to undo. `compensating` is repeated when an operator retries an undo. When it throws, nothing is recorded and
   * it is called again later.
   */
  onProgress(
    report: (tx: Transaction, progress: SagaProgress<Start & Partial<Data>, Reached>) => Promise<void>,
  ): Saga<Start, Data, Reached>;
}

/** How the ids of requests are made: `hashed` as a UUIDv5, `by-time` as a UUIDv8 with the time of the saga's UUIDv7. */
export type RequestIds = 'hashed' | 'by-time';

export interface SagaOptions {
  /**
   * With `by-time`, the ids of steps that are made at one time are stored next to each other, for which their services write
   * fewer pages. It is stored with each saga. To change it needs a new version of the saga: a step must not be repeated with
   * another id (`SAGA_DEFINITION_CHANGED`). Default: `hashed`.
   */
  readonly requestIds?: RequestIds;
  /**
   * After this time a saga that has not completed compensates. It counts while a step is called or waits for its next
   * attempt; not while the saga waits for a slot, nor while no process drives it. Default: 10 min.
   */
  readonly timeoutMs?: number;
}

/**
 * Defines a kind of saga, step by step. Name, version and data are stored with each saga: other steps need a new version
 * next to the old one.
 *
 * ```ts
 * saga<PlacedOrder>('place-order', 1)
 *   .step('charge', {
 *     run: (order, step) => payments.charge({ requestId: step.requestId, orderId: order.id }, step),
 *     keep: (payment) => ({ paymentId: payment.id }),
 *     undo: (order, step) => payments.refund({ requestId: step.requestId, orderId: order.id }, step),
 *     reaches: 'PAID',
 *   })
 *   .pivot('commit-stock', { run: (order, step) => inventory.commitStock({ … }, step) })
 *   .onProgress(async (tx, progress) => { … });
 * ```
 */
export function saga<Start extends object>(name: string, version: number, options: SagaOptions = {}): Saga<Start> {
  return extend({ ...options, name, version, steps: [], report: reportNothing });
}

const reportNothing = async (): Promise<void> => undefined;

function extend<Start extends object, Data extends object, Reached extends string>(
  definition: SagaDefinition<Start>,
): Saga<Start, Data, Reached> {
  function add<Answer, Kept extends object, Next extends string>(
    { run, keep, ...rest }: StepOptions<Data, Answer, Kept, Next>,
    position: { readonly name: string; readonly pivot?: true },
  ): Saga<Start, Data & Kept, Reached | Next> {
    const step: SagaStep<Data> = {
      ...position,
      ...rest,
      async run(data, context) {
        const answer = await run(data, context);
        return keep?.(answer);
      },
    };
    // The steps before this one have added to the data what is not in `Start`.
    return extend({ ...definition, steps: [...definition.steps, step as unknown as SagaStep<Start>] });
  }
  return {
    ...definition,
    step: (name, options) => add(options, { name }),
    pivot: (name, options) => add(options, { name, pivot: true }),
    onProgress(report) {
      if (definition.report !== reportNothing)
        throw new Error(`the saga ${definition.name} v${definition.version} has two onProgress: join them in one`);
      return extend({ ...definition, report: report as SagaDefinition<Start>['report'] });
    },
  };
}
