import { describe, expect, it } from 'vitest';
import { hasTimedOut } from './decide.ts';
import type { StepCall } from './decision.ts';
import type { SagaShape } from './record.ts';
import { firstWorld, isTerminal, keyOf, type Move, movesFrom, type World } from './testing/decide-model.ts';

const undo = true;
const orderLike: SagaShape = {
  steps: [
    { name: 'reserve', undo },
    { name: 'charge', undo },
    { name: 'ship', undo },
    { name: 'commit', pivot: true },
  ],
};
const pivotInTheMiddle: SagaShape = {
  steps: [
    { name: 'reserve', undo },
    { name: 'capture', undo, pivot: true },
    { name: 'dispatch', undo },
  ],
};
const withoutPivot: SagaShape = { steps: [{ name: 'hold', undo }, { name: 'note' }, { name: 'book', undo }] };

describe('every run of decide with up to five faults', () => {
  it.each([
    { kind: 'an order-like saga', shape: orderLike, leastWorlds: 40_000 },
    { kind: 'a saga with steps after its pivot', shape: pivotInTheMiddle, leastWorlds: 6_000 },
    { kind: 'a saga without a pivot', shape: withoutPivot, leastWorlds: 20_000 },
  ])('keeps its promises and can always end: $kind', ({ shape, leastWorlds }) => {
    const explored = explore(shape, 5);
    console.info(`${explored.worlds.size} worlds, ${explored.moves} moves`);
    expect(explored.worlds.size).toBeGreaterThan(leastWorlds);
    expect(stuckWorlds(explored)).toEqual([]);
  });

  it('detects a participant that is run twice or left done', () => {
    const world = firstWorld(orderLike, 0);
    const left: World = {
      ...world,
      record: { ...world.record, state: 'compensated' },
      effects: world.effects.with(0, 'done'),
    };
    expect(() => check(orderLike, { label: 'seeded', fault: false, to: left }, world)).toThrow('left behind');
    const twice: World = { ...world, timesDone: world.timesDone.with(1, 2) };
    expect(() => check(orderLike, { label: 'seeded', fault: false, to: twice }, world)).toThrow('done twice');
  });
});

interface Explored {
  readonly worlds: ReadonlyMap<string, World>;
  /** For each world, the worlds from which it is reached without a fault. */
  readonly cameFrom: ReadonlyMap<string, readonly string[]>;
  readonly moves: number;
}

function explore(shape: SagaShape, faults: number): Explored {
  const first = firstWorld(shape, faults);
  const worlds = new Map([[keyOf(first), first]]);
  const cameFrom = new Map<string, string[]>();
  let moves = 0;
  // A Map iterates over what is added meanwhile: this is the breadth-first queue.
  for (const [from, world] of worlds) {
    for (const move of movesFrom(shape, world)) {
      moves += 1;
      check(shape, move, world);
      const key = keyOf(move.to);
      if (!worlds.has(key)) worlds.set(key, move.to);
      if (!move.fault) cameFrom.set(key, [...(cameFrom.get(key) ?? []), from]);
    }
  }
  return { worlds, cameFrom, moves };
}

/** Worlds from which no terminal state can be reached without another fault. */
function stuckWorlds({ worlds, cameFrom }: Explored): string[] {
  const ends = [...worlds].filter(([, world]) => isTerminal(world)).map(([key]) => key);
  const canEnd = new Set(ends);
  for (const key of canEnd) for (const before of cameFrom.get(key) ?? []) canEnd.add(before);
  return [...worlds.keys()].filter((key) => !canEnd.has(key));
}

function check(shape: SagaShape, { label, to }: Move, from: World): void {
  const fail = (what: string) => {
    throw new Error(`${what} after "${label}"\nfrom ${keyOf(from)}\nto   ${keyOf(to)}`);
  };
  if (to.timesDone.some((times) => times > 1)) fail('a step was done twice');
  if (to.record.state === 'completed') {
    if (to.effects.some((effect) => effect !== 'done')) fail('a completed saga has a step that is not done');
    if (to.cancelAccepted) fail('a saga completed after its cancel was accepted');
  }
  if (to.record.state === 'compensated' && to.effects.some((_, step) => remains(shape, to, step))) {
    fail('an effect was left behind, or can still come');
  }
  if (hasTimedOut(to.record) && !to.ranOut) {
    fail('a saga timed out that could not run');
  }
  const pivotDone = shape.steps.some((step, at) => step.pivot === true && from.record.steps[at]?.state === 'done');
  if (pivotDone && to.record.state.startsWith('compensat')) fail('a saga compensates after its pivot');
  if (isTerminal(from) && to.record !== from.record) fail('a terminal saga changed');
  if (to.call && to.call !== from.call) checkCall(shape, to, to.call, fail);
}

function remains(shape: SagaShape, world: World, step: number): boolean {
  const effect = world.effects[step];
  if (shape.steps[step]?.undo === undefined) return effect === 'done' && shape.steps[step]?.pivot === true;
  return effect === 'done' || (effect === 'absent' && world.late[step] === true);
}

function checkCall(shape: SagaShape, to: World, call: StepCall, fail: (what: string) => void): void {
  const step = to.record.steps[call.step];
  const refusedAtOnce = step?.endTimeMs !== undefined && step.attempts === 1 && to.effects[call.step] === 'absent';
  const later = to.effects
    .slice(call.step + 1)
    .some((effect, at) => effect === 'done' && shape.steps[call.step + 1 + at]?.undo);
  if (call.kind === 'run') {
    if (to.effects.slice(0, call.step).some((effect) => effect !== 'done'))
      fail('a step ran before the one it follows was done');
    return;
  }
  if (step?.attempts === 0) fail('a step was undone that was never tried');
  if (refusedAtOnce) fail('a step was undone that had no effect for certain');
  if (later) fail('a step was undone before one that came after it');
}
