import { Status } from 'nice-grpc-common';
import { cancelled, deadlineExceeded, MeshError } from '../../errors/mesh-error.ts';
import type { Admission, EnteringCall, Place, Work } from './admission.ts';
import { Line } from './line.ts';
import { Occupant, type Slots } from './occupant.ts';
import type { AdmissionPolicy, Load } from './policy.ts';
import type { Starter, Turns } from './turns.ts';

// A streaming handler that makes no message for so long waits for something: it is at work no more.
const idleMs = 50;

/**
 * The admission of one service. Calls begin in the order in which they came, the connections that have some in turn, as far
 * as the policy has slots. Each service has its own: handlers that wait for another service of this process would wait for
 * ever if they had all slots that its handlers need.
 */
export class LimitedAdmission implements Admission, Starter, Slots, Load {
  working = 0;
  waiting = 0;
  streams = 0;
  readonly #policy: AdmissionPolicy;
  readonly #turns: Turns;
  readonly #lines = new Map<string, Line<Occupant>>();
  /** Those that have a call that could begin, in turn. */
  readonly #ready: Line<Occupant>[] = [];
  readonly #streaming = new Set<Occupant>();
  #looking: NodeJS.Timeout | undefined;

  constructor(policy: AdmissionPolicy, turns: Turns) {
    this.#policy = policy;
    this.#turns = turns;
  }

  enter(call: EnteringCall, work: Work): Promise<Place> {
    const line = this.#lineOf(call.peer);
    const isStreaming = work === 'streaming';
    const fits = this.#policy.mayWait(this, line) && (!isStreaming || this.#policy.mayStream(this, line));
    if (!fits) {
      this.#tidy(call.peer, line);
      throw overloaded(call.path, this.#policy.retryAfterMs(this));
    }
    const occupant = new Occupant(this, line, call, isStreaming);
    if (isStreaming) this.#open(occupant);
    return occupant.wait();
  }

  startNext(): boolean {
    if (!this.#policy.hasSlot(this)) {
      this.#lookForIdle();
      return false;
    }
    for (let line = this.#ready.shift(); line !== undefined; line = this.#ready.shift()) {
      line.isReady = false;
      if (!this.#policy.hasSlotFor(line)) {
        this.#lookForIdle();
        continue;
      }
      const occupant = line.takeFirst();
      if (occupant === undefined) continue;
      this.#makeReady(line);
      this.waiting -= 1;
      this.#start(occupant);
      return true;
    }
    return false;
  }

  // Of the occupants.

  takeSlot(occupant: Occupant): boolean {
    const isFree = this.waiting === 0 && this.#policy.hasSlot(this) && this.#policy.hasSlotFor(occupant.line);
    if (isFree) this.#occupy(occupant);
    return isFree;
  }

  join(occupant: Occupant): void {
    occupant.line.add(occupant);
    this.waiting += 1;
    this.#makeReady(occupant.line);
    this.#turns.ask(this);
  }

  giveUp(occupant: Occupant): void {
    occupant.line.remove(occupant);
    this.waiting -= 1;
  }

  freeSlot({ line }: Occupant): void {
    this.working -= 1;
    line.working -= 1;
    this.#makeReady(line);
    if (this.waiting > 0) this.#turns.ask(this);
  }

  left(occupant: Occupant): void {
    const { line, cameMs, begunMs } = occupant;
    if (occupant.isStreaming) {
      this.#streaming.delete(occupant);
      this.streams -= 1;
      line.streams -= 1;
    } else if (occupant.hasBegun) this.#policy.returned?.(begunMs - cameMs, this.nowMs() - begunMs);
    this.#tidy(occupant.call.peer, line);
  }

  nowMs(): number {
    return this.#policy.returned === undefined ? 0 : performance.now();
  }

  #start(occupant: Occupant): void {
    const { call } = occupant;
    if (call.isOver) occupant.refuse(cancelled(call.path));
    else if (call.remainingMs() === 0) occupant.refuse(deadlineExceeded(call.path));
    else {
      this.#occupy(occupant);
      occupant.begin();
    }
  }

  #occupy(occupant: Occupant): void {
    occupant.isWorking = true;
    this.working += 1;
    occupant.line.working += 1;
  }

  #open(occupant: Occupant): void {
    this.#streaming.add(occupant);
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

  /** While calls wait: takes the slots of streaming handlers that make nothing, such as those that wait for a change. */
  #lookForIdle(): void {
    if (this.#looking !== undefined || this.#streaming.size === 0) return;
    for (const occupant of this.#streaming) occupant.isSuspect = occupant.isWorking;
    this.#looking = setTimeout(() => {
      this.#looking = undefined;
      for (const occupant of this.#streaming) if (occupant.isSuspect) occupant.rest();
      if (this.waiting === 0) return;
      // One that began meanwhile may be idle too: while calls wait it is looked again.
      for (const line of this.#lines.values()) this.#makeReady(line);
      this.#turns.ask(this);
    }, idleMs).unref();
  }
}

function overloaded(path: string, retryAfterMs: number): MeshError {
  const text = `the server has more calls of this service than it can take, so ${path} was not begun: call again later`;
  return new MeshError(Status.RESOURCE_EXHAUSTED, 'SERVER_OVERLOADED', text, { retryAfterMs });
}
