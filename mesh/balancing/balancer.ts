import { Status } from 'nice-grpc-common';
import type { Transport } from '../engines/engine.ts';
import { isServerFault } from '../errors/codes.ts';
import { rateLimited } from '../errors/errors.ts';
import { tooManyTokens } from '../security/tokens/errors.ts';

/**
 * How a call ended, as far as it says something about its endpoint:
 * - `answered`: by the service, also with an error of its domain
 * - `failed`: with an error that nobody expected, such as INTERNAL
 * - `unimplemented`: by a server that does not have the method
 * - `overloaded`: RESOURCE_EXHAUSTED
 * - `limited`: refused because its caller makes too many calls, or sends too many new tokens: others are served
 * - `server-fault`: UNAVAILABLE
 * - `late`: DEADLINE_EXCEEDED, a fault of the endpoint only if the call had a reasonable time
 * - `unsent`: no handler can have seen it
 * - `cancelled`: by the caller, which says nothing about the endpoint
 */
export type CallOutcome =
  | 'answered'
  | 'failed'
  | 'unimplemented'
  | 'overloaded'
  | 'limited'
  | 'server-fault'
  | 'late'
  | 'unsent'
  | 'cancelled';

/** The status of a call, from its server or from this side. */
export interface CallStatus {
  readonly code: Status;
  /** That of its MeshError, if it has one. */
  readonly reason?: string | undefined;
}

/**
 * Whether a call was refused because its caller makes too many, or its address sends too many new tokens: the service is
 * healthy, and serves others.
 */
export function isRateLimited({ reason }: Pick<CallStatus, 'reason'>): boolean {
  // Also of a server in another language.
  return reason === rateLimited.reason || reason === tooManyTokens.reason;
}

/** Returns how a call ended that has a status. */
export function outcomeOf({ code, reason }: CallStatus): CallOutcome {
  switch (code) {
    case Status.CANCELLED:
      return 'cancelled';
    case Status.UNAVAILABLE:
      return 'server-fault';
    case Status.DEADLINE_EXCEEDED:
      return 'late';
    case Status.UNIMPLEMENTED:
      return 'unimplemented';
    case Status.RESOURCE_EXHAUSTED:
      return isRateLimited({ reason }) ? 'limited' : 'overloaded';
    default:
      return isServerFault(code) ? 'failed' : 'answered';
  }
}

/**
 * Who is at an endpoint for certain: `process`: this process; `service`: by its certificate, the service that is
 * called. Only they learn for whom a call is made.
 */
export type ProvenPeer = 'process' | 'service';

/** The endpoint of one attempt. */
export interface PickedEndpoint {
  /** `host:port`. */
  readonly address: string;
  readonly transport: Transport;
  /** Default: its connection does not prove who is there. */
  readonly proven?: ProvenPeer | undefined;
  /** Whether there is another endpoint that was not tried: a call that this one does not take could go there. */
  readonly hasOthers: boolean;
  /** Reports how the attempt ended and how long its first answer took; once. */
  end(outcome: CallOutcome, ms: number): void;
  /** Reports that a stream stays open after its first answer. Returns a function that ends that; call it once. */
  hold(): () => void;
  /** Reports that the instance does not have a method: its contract is older than the caller's. Logged once per method. */
  misses(path: string): void;
}

/**
 * Why an instance gets calls or not:
 * - `ready`: it gets calls; it serves, or nothing is known yet
 * - `draining`: its registry reports that it finishes its calls
 * - `not-serving`: its health reports that it does not serve the contract now; an instance that drains reports that too
 * - `not-served`: it answers, but does not serve the contract
 * - `ejected`: too many of its calls failed
 * - `silent`: it does not answer, and does not refuse connections either
 * - `away`: it cannot be reached
 */
export type InstanceState = (typeof instanceStates)[number];
export const instanceStates = ['ready', 'draining', 'not-serving', 'not-served', 'ejected', 'silent', 'away'] as const;

/** One instance of a service. */
export interface ServiceEndpoint {
  /** `host:port`. */
  readonly address: string;
  /** Its connections now: read it for each call, because an instance that was silent gets new ones. */
  readonly transport: Transport;
  /** Default: its connection does not prove who is there. */
  readonly proven?: ProvenPeer | undefined;
}

/** An instance with its state. */
export interface InstanceReport extends ServiceEndpoint {
  readonly state: InstanceState;
  /** Whether it is silent and its open calls were ended. Until then they wait for it, if they could not go elsewhere. */
  readonly isGivenUp: boolean;
  /** The version that runs there, if the registry knows. */
  readonly version: string | undefined;
  /** How many calls it got. */
  readonly picks: number;
}

/** How many endpoints a call is sent to before it fails, if none of them begins it. */
export const maxEndpoints = 3;

/** Spreads the calls of one service over its instances. */
export interface Balancer {
  /**
   * Resolves once discovery has answered where the service is, at most 2 s after the balancer was created. `undefined` after
   * that.
   */
  found(): Promise<void> | undefined;
  /**
   * Returns the endpoint of the next attempt, one that is not in `tried` if there is a reachable one; `undefined` if there is
   * none at all. With a contract (`user.v1.UserService`), one that is healthy for it. A call counts as load until it is ended.
   * A stream does not, because it may wait for a long time.
   */
  pick(tried?: ReadonlySet<string>, contract?: string, isStream?: boolean): PickedEndpoint | undefined;
  /** As `pick`, but returns only an endpoint that is not in `tried`. For a call that the endpoints in `tried` did not begin. */
  pickUntried(tried: ReadonlySet<string>, contract?: string, isStream?: boolean): PickedEndpoint | undefined;
  /** Whether discovery has answered which instances there are. */
  isAnswered(): boolean;
  /** Its endpoints that get calls now. `contract`: calls to that. Default: by the health of all contracts that were called. */
  endpoints(contract?: string): readonly ServiceEndpoint[];
  /** All its instances, also those that get no calls. `contract`: whose health counts. Default: that of all that were called. */
  instances(contract?: string): readonly InstanceReport[];
  /** Calls `changed` when `endpoints` or `instances` may have changed. Returns a function that ends that. */
  onChange(changed: () => void): () => void;
}
