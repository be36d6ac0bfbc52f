import { Status } from 'nice-grpc-common';
import {
  type Balancer,
  type CallOutcome,
  maxEndpoints,
  outcomeOf,
  type PickedEndpoint,
} from '../../balancing/balancer.ts';
import type { Rate } from '../../contract/contract.ts';
import type { DeclaredMethod } from '../../contract/declared-methods.ts';
import type { CallEndListener, MethodKind } from '../../engines/engine.ts';
import type {
  FieldChanges,
  ForwardedCall,
  ForwardedEnd,
  Forwarding,
  RawEndpoint,
  Repetition,
} from '../../engines/forwarding.ts';
import type { Caller } from '../../identity/caller.ts';
import type { Credentials } from '../../security/authenticator.ts';
import { tokenExpired } from '../../security/authorization/errors.ts';
import type { Clock } from '../../time/clock.ts';
import type { Admission, EnteringCall, Place } from '../policies/admission/admission.ts';
import type { DoorRates } from '../policies/rate-limit/door-rates.ts';
import type { RatedCall } from '../policies/rate-limit/rate-limit.ts';
import type { ForwardedCallers } from './forwarded-caller.ts';

/** Where the calls of one service go. */
export interface Route {
  /** Its name in discovery: `user`. */
  readonly service: string;
  readonly balancer: Balancer;
  readonly admission: Admission;
}

export interface RoutedCallTools {
  /** Returns the connections to an address. */
  readonly connectionsTo: (address: string, service: string) => RawEndpoint;
  /** Creates the error of a call for which no endpoint is left. `problem`: why the last one did not begin it. */
  readonly unreachable: (service: string, problem: string | undefined) => Error;
  readonly onEnd: (call: RoutedCall, end: ForwardedEnd) => void;
  readonly callers: ForwardedCallers;
  readonly rates: Pick<DoorRates, 'admit'>;
  readonly clock: Clock;
}

/** One forwarded call: its admission, its endpoints, and what their balancer learns from it. */
export class RoutedCall implements Forwarding, EnteringCall, RatedCall {
  readonly call: ForwardedCall;
  /** `undefined` for a method that no known contract has. */
  readonly kind: MethodKind | undefined;
  readonly repetition: Repetition;
  /** Of a change, the endpoint ends the requests when the token of its caller expires. */
  readonly #endsWithToken: boolean;
  readonly #rate: Rate | undefined;
  readonly route: Route;
  readonly startMs = performance.now();
  /** The endpoint that got it last. */
  picked: PickedEndpoint | undefined;
  /** Who makes it; `undefined` until it is admitted, or if nobody asks. */
  caller: Caller | undefined;
  readonly #tools: RoutedCallTools;
  readonly #tried = new Set<string>();
  #listener: CallEndListener | undefined;
  #place: Place | undefined;
  #openedMs = 0;
  #answeredMs: number | undefined;
  #cancelExpiry: (() => void) | undefined;

  constructor(call: ForwardedCall, method: DeclaredMethod | undefined, route: Route, tools: RoutedCallTools) {
    this.call = call;
    this.kind = method?.kind;
    this.#endsWithToken = method === undefined || (method.kind !== 'unary' && method.readsOnly);
    this.repetition = repetitionOf(method);
    this.#rate = method?.rate;
    this.route = route;
    this.#tools = tools;
  }

  get collectsRequest(): boolean {
    return this.kind === 'unary' || this.kind === 'server-streaming';
  }

  get changes(): FieldChanges {
    return this.#tools.callers.changesFor(this.caller, this.kind !== 'unary');
  }

  async admit(): Promise<void> {
    this.caller = await this.#tools.callers.authenticate(this.call);
    this.#tools.rates.admit(this, this.#rate);
    this.#endWithToken(this.caller?.expiresMs);
    const place = await this.route.admission.enter(this, this.kind === 'unary' ? 'once' : 'streaming');
    if (this.isOver) {
      place.leave();
      return;
    }
    this.#place = place;
    // A stream costs nothing while nobody sends.
    if (this.kind !== 'unary') place.rest();
    await this.route.balancer.found();
  }

  next(problem: string | undefined): RawEndpoint {
    this.#report('unsent');
    const { balancer, service } = this.route;
    const isStream = this.kind !== 'unary';
    if (this.#tried.size === maxEndpoints) throw this.#tools.unreachable(service, problem);
    const picked = balancer.pickUntried(this.#tried, this.#contract, isStream);
    if (picked === undefined) throw this.#tools.unreachable(service, problem);
    this.#tried.add(picked.address);
    this.picked = picked;
    this.#openedMs = performance.now();
    return this.#tools.connectionsTo(picked.address, this.route.service);
  }

  misses(): boolean {
    const { picked } = this;
    if (!picked?.hasOthers) return false;
    // Anyone can make up names.
    if (this.kind !== undefined) picked.misses(this.path);
    if (this.#tried.size === maxEndpoints) return false;
    this.#report('unimplemented');
    return true;
  }

  answered(): void {
    this.#answeredMs = performance.now();
  }

  ended(end: ForwardedEnd): void {
    if (end.unprocessed) this.#report(end.code === Status.CANCELLED ? 'cancelled' : 'unsent');
    else if (end.code === Status.CANCELLED) this.#report('cancelled');
    else this.#report(outcomeOf(end));
    this.#cancelExpiry?.();
    this.#listener?.abandoned();
    this.#place?.leave();
    this.#tools.onEnd(this, end);
  }

  // Asked by its admission.

  get path(): string {
    return this.call.path;
  }

  /** `user.v1.UserService`; `undefined` if it is not known, since anyone can make up names. */
  get #contract(): string | undefined {
    return this.kind && this.path.slice(1, this.path.lastIndexOf('/'));
  }

  get peer(): string {
    return this.call.peer;
  }

  /** What it says about its caller. */
  get credentials(): Credentials {
    return this.call;
  }

  get requestBytes(): number {
    return this.call.requestBytes;
  }

  get isOver(): boolean {
    return this.call.isOver;
  }

  remainingMs(): number {
    const { deadlineMs } = this.call;
    return deadlineMs === undefined ? Number.POSITIVE_INFINITY : Math.max(0, deadlineMs - Date.now());
  }

  listenForEnd(listener: CallEndListener | undefined): void {
    this.#listener = listener;
  }

  /** Ends a stream when the token of its caller expires: the endpoint does not know the token. */
  #endWithToken(expiresMs: number | undefined): void {
    if (expiresMs === undefined || !this.#endsWithToken || this.isOver) return;
    const { clock } = this.#tools;
    const error = tokenExpired({ path: this.path });
    this.#cancelExpiry = clock.after(Math.max(0, expiresMs - clock.now()), () => this.call.fail(error));
  }

  /** Reports the outcome to the balancer of the endpoint, once for each. */
  #report(outcome: CallOutcome): void {
    const { picked } = this;
    if (picked === undefined || this.#openedMs === 0) return;
    picked.end(outcome, (this.#answeredMs ?? performance.now()) - this.#openedMs);
    this.#openedMs = 0;
  }
}

function repetitionOf(method: DeclaredMethod | undefined): Repetition {
  if (method === undefined) return 'unknown';
  if (method.kind !== 'unary') return 'stream';
  if (method.readsOnly) return 'read';
  return method.hasRequestId ? 'by-request-id' : 'change';
}
