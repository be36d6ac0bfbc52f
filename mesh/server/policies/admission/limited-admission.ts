import { cancelled, deadlineExceeded } from '../../../errors/errors.ts';
import type { MeshError } from '../../../errors/mesh-error.ts';
import { serverOverloaded } from '../../errors.ts';
import type { Admission, EnteringCall, Place, Work } from './admission.ts';
import { Line } from './line.ts';
import { Occupant, type Slots } from './occupant.ts';
import type { AdmissionPolicy, Load } from './policy.ts';
import type { ProcessLoad } from './process-load.ts';
import type { Starter, Turns } from './turns.ts';

/**
 * What refuses a call: `waiting`: too many wait, or too much for one connection; `streams`: too many are open;
 * `process_waiting` and `process_running`: the same for all services of the process.
 */
export const admissionLimits = ['waiting', 'streams', 'process_waiting', 'process_running'] as const;
export type AdmissionLimit = (typeof admissionLimits)[number];

/**
 * The admission of one service. Calls start in the order of their arrival, connections take turns, and the policy limits
 * the slots. Each service has its own admission: handlers that wait for another service of this process would deadlock if
 * they held the slots that its handlers need. For the same reason an overloaded process refuses calls and queues none.
 */
export class LimitedAdmission implements Admission, Starter, Slots, Load {
  working = 0;
  waiting = 0;
  waitingBytes = 0;
  streams = 0;
  /** Handlers that have started since the process has. */
  started = 0;
  readonly #policy: AdmissionPolicy;
  readonly #turns: Turns;
  readonly #lines = new Map<string, Line<Occupant>>();
  /** The lines that have a call to start, in turn. */
  readonly #ready: Line<Occupant>[] = [];
  readonly #resting = new Set<Occupant>();
  readonly #process: ProcessLoad;
  readonly #onRefused: (limit: AdmissionLimit) => void;

  constructor(
    policy: AdmissionPolicy,
    turns: Turns,
    process: ProcessLoad,
    onRefused: (limit: AdmissionLimit) => void = () => undefined,
  ) {
    this.#policy = policy;
    this.#turns = turns;
    this.#process = process;
    this.#onRefused = onRefused;
  }

  enter(call: EnteringCall, work: Work): Promise<Place> {
    const line = this.#lineOf(call.peer);
    const isStreaming = work === 'streaming';
    const limit = this.#limitReached(line, isStreaming);
    if (limit !== undefined) {
      this.#tidy(call.peer, line);
      throw this.#overloaded(call, limit);
    }
    const occupant = new Occupant(this, line, call, isStreaming);
    if (isStreaming) this.#open(occupant);
    return occupant.wait();
  }

  /** The load of one connection; `undefined` if it has no calls. */
  loadOf(peer: string): Load | undefined {
    return this.#lines.get(peer);
  }

  startNext(): boolean {
    if (this.#ready.length === 0) return false;
    if (!this.#policy.hasSlot(this) && !this.#takeFrom(this.#resting)) return false;
    for (let line = this.#ready.shift(); line !== undefined; line = this.#ready.shift()) {
      line.isReady = false;
      if (!this.#policy.hasSlotFor(line) && !this.#takeFrom(line.resting)) continue;
      const occupant = line.takeFirst();
      if (occupant === undefined) continue;
      this.#makeReady(line);
      this.#stopsWaiting(occupant);
      this.#start(occupant);
      return true;
    }
    return false;
  }

  // Called by occupants.

  takeSlot(occupant: Occupant): boolean {
    const isFree = this.waiting === 0 && this.#policy.hasSlot(this) && this.#policy.hasSlotFor(occupant.line);
    if (isFree) this.#occupy(occupant);
    return isFree;
  }

  rest(occupant: Occupant): void {
    this.#process.working -= 1;
    this.#resting.add(occupant);
    occupant.line.resting.add(occupant);
    this.#startOthers(occupant.line);
  }

  resume(occupant: Occupant): void {
    this.#process.working += 1;
    this.#resting.delete(occupant);
    occupant.line.resting.delete(occupant);
  }

  join(occupant: Occupant): void {
    occupant.line.add(occupant);
    this.waiting += 1;
    this.hold(occupant, occupant.heldBytes);
    this.#makeReady(occupant.line);
    this.#turns.ask(this);
  }

  giveUp(occupant: Occupant): void {
    occupant.line.remove(occupant);
    this.#stopsWaiting(occupant);
  }

  hold({ line }: Occupant, bytes: number): void {
    this.#process.waitingBytes += bytes;
    this.waitingBytes += bytes;
    line.waitingBytes += bytes;
  }

  freeSlot({ line }: Occupant): void {
    this.#process.working -= 1;
    this.working -= 1;
    line.working -= 1;
    this.#startOthers(line);
  }

  left(occupant: Occupant): void {
    const { line, cameMs, begunMs } = occupant;
    if (occupant.isStreaming) {
      this.streams -= 1;
      line.streams -= 1;
    } else if (occupant.hasBegun) this.#policy.returned?.(begunMs - cameMs, this.nowMs() - begunMs);
    this.#tidy(occupant.call.peer, line);
  }

  nowMs(): number {
    return this.#policy.returned === undefined ? 0 : performance.now();
  }

  #stopsWaiting(occupant: Occupant): void {
    this.waiting -= 1;
    this.hold(occupant, -occupant.heldBytes);
    occupant.heldBytes = 0;
  }

  #start(occupant: Occupant): void {
    const refusal = occupant.hasBegun ? undefined : this.#refusalOf(occupant.call);
    if (refusal !== undefined) occupant.refuse(refusal);
    else {
      if (!occupant.hasBegun) this.started += 1;
      this.#occupy(occupant);
      occupant.begin();
    }
  }

  /** The reason to refuse a call whose turn has come; `undefined`: none. */
  #refusalOf(call: EnteringCall): MeshError | undefined {
    if (call.isOver) return cancelled({ path: call.path });
    if (call.remainingMs() === 0) return deadlineExceeded({ path: call.path });
    return this.#process.mayBegin ? undefined : this.#overloaded(call, 'process_running');
  }

  #occupy(occupant: Occupant): void {
    occupant.slot = 'working';
    this.#process.working += 1;
    this.working += 1;
    occupant.line.working += 1;
  }

  #open(occupant: Occupant): void {
    this.streams += 1;
    occupant.line.streams += 1;
  }

  #makeReady(line: Line<Occupant>): void {
    if (line.isReady || line.waiting === 0) return;
    line.isReady = true;
    this.#ready.push(line);
  }

  #lineOf(peer: string): Line<Occupant> {
    let line = this.#lines.get(peer);
    if (line === undefined) {
      line = new Line();
      this.#lines.set(peer, line);
    }
    return line;
  }

  #tidy(peer: string, line: Line<Occupant>): void {
    if (line.isEmpty) this.#lines.delete(peer);
  }

  /** Takes the slot of an idle handler; false if none is idle. */
  #takeFrom(resting: ReadonlySet<Occupant>): boolean {
    for (const occupant of resting) {
      this.resume(occupant);
      occupant.slot = 'none';
      this.freeSlot(occupant);
      return true;
    }
    return false;
  }

  #startOthers(line: Line<Occupant>): void {
    this.#makeReady(line);
    if (this.waiting > 0) this.#turns.ask(this);
  }

  /** The limit that keeps one more call from waiting; `undefined`: none. */
  #limitReached(line: Line<Occupant>, isStreaming: boolean): AdmissionLimit | undefined {
    if (!this.#process.mayWait) return 'process_waiting';
    if (!this.#policy.mayWait(this, line)) return 'waiting';
    return isStreaming && !this.#policy.mayStream(this, line) ? 'streams' : undefined;
  }

  #overloaded({ path }: EnteringCall, limit: AdmissionLimit): MeshError {
    this.#onRefused(limit);
    return serverOverloaded({ path, limit: limitTexts[limit] }, { retryAfterMs: this.#policy.retryAfterMs(this) });
  }
}

/** For the log: what an operator can change. */
const limitTexts: Readonly<Record<AdmissionLimit, string>> = {
  waiting: 'the limit of calls or bytes that wait for a service or of a connection (GRPC_MAX_WAITING_BYTES)',
  streams: 'the limit of open streams of a service or of a connection',
  process_waiting: 'GRPC_MAX_WAITING_BYTES',
  process_running: 'GRPC_MAX_RUNNING_CALLS',
};
