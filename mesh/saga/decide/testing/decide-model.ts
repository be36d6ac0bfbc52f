import { acceptsCancel, decide, hasTimedOut, type SagaEvent } from '../decide.ts';
import { isCall, type StepCall } from '../decision.ts';
import { newRecord, type SagaRecord, type SagaShape } from '../record.ts';
import { undoPatienceMs } from '../running-time.ts';

/** What an abstract participant holds for a step: `tombstoned` was undone before it was done, and is never done later. */
type Effect = 'absent' | 'done' | 'undone' | 'tombstoned';

/** A saga, its participants and the network between them, at one moment. */
export interface World {
  readonly record: SagaRecord;
  /** The call in progress of a living driver. */
  readonly call: StepCall | undefined;
  readonly effects: readonly Effect[];
  /** Calls that nobody waits for but that may still arrive. */
  readonly late: readonly boolean[];
  /** How many effects each step has had. */
  readonly timesDone: readonly number[];
  readonly cancelAccepted: boolean;
  /** The clock: 1 is after the time limit of a saga, 2 after that of an undo. */
  readonly time: 0 | 1 | 2;
  /** Whether time passed while the saga could run: during a step. */
  readonly ranOut: boolean;
  readonly faultsLeft: number;
}

/** A step from one world to the next. */
export interface Move {
  readonly label: string;
  readonly fault: boolean;
  readonly to: World;
}

const timeoutMs = 1_000;
// A call may take any time here, so the time limit can pass during one.
const stepTimeoutMs = 2 * undoPatienceMs;
const nowByTime = [0, 2 * timeoutMs, 4 * timeoutMs + undoPatienceMs] as const;
const retry = { initialMs: 1, maxMs: 1 };

/** The world before anything happened. */
export function firstWorld(shape: SagaShape, faults: number): World {
  return {
    record: newRecord(shape, 0),
    call: undefined,
    effects: shape.steps.map(() => 'absent'),
    late: shape.steps.map(() => false),
    timesDone: shape.steps.map(() => 0),
    cancelAccepted: false,
    time: 0,
    ranOut: false,
    faultsLeft: faults,
  };
}

/** Everything that can happen next. */
export function movesFrom(shape: SagaShape, world: World): Move[] {
  const moves = [...driverMoves(shape, world), ...operatorMoves(shape, world), ...lateArrivals(world)];
  return world.faultsLeft === 0 ? moves : [...moves, ...faultMoves(shape, world)];
}

export function isTerminal({ record }: World): boolean {
  return record.state === 'completed' || record.state === 'compensated';
}

/** The same for worlds that behave alike: times and counts are left out where they make no difference. */
export function keyOf(world: World): string {
  const { record } = world;
  const steps = record.steps.map(
    (step) => `${step.state},${Math.min(step.attempts, 2)},${Math.min(step.undoAttempts, 1)}`,
  );
  const flags = [
    record.cancel !== undefined,
    record.waitUntilMs !== undefined,
    record.countsFromMs === undefined ? undefined : nowByTime.findLastIndex((ms) => ms <= (record.countsFromMs ?? 0)),
    record.usedMs >= timeoutMs,
    record.undoDeadlineMs,
    record.failure?.cancelled,
    hasTimedOut(record),
    record.heldBack > 0,
  ];
  const { call, effects, late, timesDone, cancelAccepted, time, ranOut, faultsLeft } = world;
  const rest = [call, effects, late, timesDone, cancelAccepted, time, ranOut, faultsLeft];
  return JSON.stringify([record.state, steps, flags, ...rest]);
}

function driverMoves(shape: SagaShape, world: World): Move[] {
  if (world.call) return [answered(shape, world, world.call)];
  const { state } = world.record;
  return state === 'running' || state === 'compensating'
    ? [move('resume', apply(shape, world, { kind: 'resumed' }))]
    : [];
}

/** The call arrives, and so does its answer. */
function answered(shape: SagaShape, world: World, { kind, step }: StepCall): Move {
  const label = `${kind} ${step} is answered`;
  if (kind === 'undo') return move(label, apply(shape, undone(world, step), { kind: 'undo-ok', step }));
  const arrived = done(world, step);
  const refused = arrived.effects[step] !== 'done';
  const event: SagaEvent = refused ? { kind: 'step-refused', step, error } : { kind: 'step-ok', step };
  return move(label, apply(shape, arrived, event));
}

function operatorMoves(shape: SagaShape, world: World): Move[] {
  const step = world.record.steps.findIndex((each) => each.state === 'stuck');
  if (step === -1) return [];
  const forward = world.record.steps[step]?.undoAttempts === 0;
  const settled = forward ? done(world, step) : undone(world, step);
  return [
    move(`retry ${step}`, apply(shape, world, { kind: 'retry', earlier: 0 })),
    move(`resolve ${step}`, apply(shape, settled, { kind: 'resolve', step })),
  ];
}

function lateArrivals(world: World): Move[] {
  return world.late.flatMap((late, step) => {
    const arrived = { ...done(world, step), late: world.late.with(step, false) };
    return late ? [move(`late run ${step} arrives`, arrived)] : [];
  });
}

function faultMoves(shape: SagaShape, before: World): Move[] {
  const world = { ...before, faultsLeft: before.faultsLeft - 1 };
  const moves = [...callFaults(shape, world), ...cancelMoves(shape, world)];
  if (world.time < 2) moves.push(move('time passes', timePassed(world)));
  return moves.map((each) => ({ ...each, fault: true }));
}

/** Time counts while somebody awaits a step. */
function timePassed(world: World): World {
  return { ...world, time: world.time === 0 ? 1 : 2, ranOut: world.ranOut || world.call?.kind === 'run' };
}

function callFaults(shape: SagaShape, world: World): Move[] {
  if (!world.call) return [];
  const { kind, step } = world.call;
  const arrived = kind === 'run' ? done(world, step) : undone(world, step);
  const delayed = { ...world, late: world.late.with(step, true) };
  const unknown: SagaEvent = { kind: kind === 'run' ? 'step-unknown' : 'undo-unknown', step, error };
  const miswired: SagaEvent = { kind: kind === 'run' ? 'step-miswired' : 'undo-miswired', step, error };
  const moves = [
    move(`${kind} ${step} has nowhere to go`, apply(shape, world, miswired)),
    move(`${kind} ${step} applied, not recorded`, apply(shape, arrived, { kind: 'held-back', error })),
    move(`${kind} ${step} applied, answer lost`, apply(shape, arrived, unknown)),
    move(`${kind} ${step} lost`, apply(shape, world, unknown)),
    move(`crash before ${kind} ${step}`, { ...world, call: undefined }),
    move(`crash after ${kind} ${step}`, { ...arrived, call: undefined }),
  ];
  if (kind === 'undo')
    return [...moves, move(`undo ${step} refused`, apply(shape, world, { kind: 'undo-refused', step, error }))];
  moves.push(move(`run ${step} late`, apply(shape, delayed, unknown)));
  moves.push(move(`crash while run ${step} is late`, { ...delayed, call: undefined }));
  if (world.effects[step] !== 'absent') return moves;
  return [
    ...moves,
    move(`run ${step} refused`, apply(shape, refusedBy(shape, world, step), { kind: 'step-refused', step, error })),
  ];
}

/** What cannot be undone has to stay refused; the others may be done by a late call until they are undone. */
function refusedBy(shape: SagaShape, world: World, step: number): World {
  return shape.steps[step]?.undo ? world : withEffect(world, step, 'tombstoned');
}

function cancelMoves(shape: SagaShape, world: World): Move[] {
  if (!acceptsCancel(shape, world.record)) return [];
  const accepted = { ...world, cancelAccepted: true };
  if (world.record.state !== 'running') return [move('cancel', accepted)];
  const { record } = decide(shape, retry, world.record, input(world, { kind: 'cancel-requested', error }));
  return [move('cancel', { ...accepted, record })];
}

function done(world: World, step: number): World {
  if (world.effects[step] !== 'absent') return world;
  const timesDone = world.timesDone.with(step, (world.timesDone[step] ?? 0) + 1);
  return { ...withEffect(world, step, 'done'), timesDone };
}

function undone(world: World, step: number): World {
  if (world.effects[step] === 'absent') return withEffect(world, step, 'tombstoned');
  return world.effects[step] === 'done' ? withEffect(world, step, 'undone') : world;
}

function withEffect(world: World, step: number, effect: Effect): World {
  return { ...world, effects: world.effects.with(step, effect) };
}

const error = { reason: 'FAULT', message: 'a fault of the model' };

function apply(shape: SagaShape, world: World, event: SagaEvent): World {
  const limited = { timeoutMs, steps: shape.steps.map((step) => ({ ...step, timeoutMs: stepTimeoutMs })) };
  const { record, commands } = decide(limited, retry, world.record, input(world, event));
  return { ...world, record, call: commands.find(isCall) };
}

function input(world: World, event: SagaEvent) {
  return { ...event, nowMs: nowByTime[world.time], jitter: 1 };
}

function move(label: string, to: World): Move {
  return { label, fault: false, to };
}
