import type { Status } from 'nice-grpc';
import type { Answer, CallOptions } from './caller.ts';
import type { Rule } from './rule.ts';

/** A definite refusal, as a contract promises it. */
export interface Refusal {
  readonly code: Status;
  readonly reason: string;
  /** What the metadata of its `ErrorInfo` has at least. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** What a participant has done for an order. */
export interface Effect {
  /** How many times the step is in effect: 0 or 1, unless the participant breaks a rule. */
  readonly times: number;
  /** `item verify-1 has 3 reserved`. */
  readonly text: string;
}

/** An order with its own test data, for one rule. */
export interface TestOrder {
  readonly id: string;
  /** Calls the step, with one attempt. */
  run(requestId: string, options?: CallOptions): Promise<Answer>;
  /** Calls the step with other content for the same order; one call for each kind of content. */
  readonly runOther: readonly ((requestId: string) => Promise<Answer>)[];
  /** Calls the undo of the step, with one attempt. */
  undo(requestId: string, options?: CallOptions): Promise<Answer>;
  /** Reads what the participant has stored for the order. */
  read(): Promise<Answer>;
  /** Reads what the step has changed. */
  observe(): Promise<Effect>;
}

/** An order that the participant refuses. */
export interface RefusedOrder {
  readonly why: string;
  readonly refusal: Refusal;
  /** What another attempt after the undo is refused with. Default: the refusal of an undone step. */
  readonly afterUndo?: Refusal;
  newOrder(): Promise<TestOrder>;
}

/** A request that no participant may accept. */
export interface InvalidRequest {
  readonly why: string;
  call(): Promise<Answer>;
}

/** A contract under test: how a saga uses it, and test data for it. */
export interface Participant {
  readonly contract: string;
  /** Names of the methods: the step, its undo, and the one that reads. */
  readonly run: string;
  readonly undo: string;
  readonly read: string;
  /** Values of the field `state` after the step and after its undo. */
  readonly states: { readonly done: string; readonly undone: string };
  readonly refusals: {
    /** Of the step, after its undo. */
    readonly undone: Refusal;
    /** Of the step, for an order that it was called for with other content. */
    readonly other: Refusal;
    /** Of the read, for an order that it knows nothing of. */
    readonly unknown: Refusal;
  };
  /** Whether the response of the step has an `id`, which other services are given. */
  readonly hasId: boolean;
  readonly refusedOrders: readonly RefusedOrder[];
  readonly invalidRequests: readonly InvalidRequest[];
  /** The rules of this contract alone. */
  readonly rules: readonly Rule[];
  /** Reads an order that the participant has not seen. */
  probe(): Promise<Answer>;
  /** Creates test data and an order for it, which the participant has not seen. */
  newOrder(): Promise<TestOrder>;
  /** Removes test data, after the orders are undone, until `endMs` of `performance.now()`. Returns what remains. */
  cleanUp(endMs: number): Promise<string>;
}
