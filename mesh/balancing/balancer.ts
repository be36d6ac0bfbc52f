import type { Transport } from '../engines/engine.ts';

/**
 * How a call ended, as far as it says something of its endpoint. `server-fault`: UNAVAILABLE, DEADLINE_EXCEEDED or
 * RESOURCE_EXHAUSTED. `unsent`: no handler can have seen it. `cancelled`: by the caller, which says nothing.
 */
export type CallOutcome = 'answered' | 'server-fault' | 'unsent' | 'cancelled';

/** The endpoint of one attempt. */
export interface PickedEndpoint {
  /** `host:port`. */
  readonly address: string;
  readonly transport: Transport;
  /** Reports how the attempt ended and how long its first answer took; once. */
  end(outcome: CallOutcome, ms: number): void;
}

/** Spreads the calls of one service over its instances. */
export interface Balancer {
  /** Returns the endpoint of the next attempt, one that is not in `tried` if there is one; `undefined` if there is none at all. */
  pick(tried?: ReadonlySet<string>): PickedEndpoint | undefined;
  /** Its endpoints that get calls now. */
  endpoints(): readonly ServiceEndpoint[];
}

/** One instance of a service. */
export interface ServiceEndpoint {
  /** `host:port`. */
  readonly address: string;
  readonly transport: Transport;
}
