import { median } from '../rates.ts';

/** Something to compare: its work and what it costs. */
export interface Contender {
  readonly name: string;
  /** Processor time of all its processes so far, in seconds. */
  cpuSeconds(): number;
  /** Does its work `count` times. */
  work(count: number): Promise<void>;
}

/** Operations per second. */
export interface Rate {
  /** Per second of processor time. */
  readonly ofCore: number;
  /** Per second of wall-clock time. */
  readonly byClock: number;
}

export interface Length {
  /** Operations before the first round. grpc-js keeps getting faster for 40,000 calls. */
  readonly warmUp: number;
  readonly rounds: number;
  /** Approximate processor time of a turn. */
  readonly seconds: number;
}

/**
 * Measures all contenders in alternating turns and returns their median rates by name. A turn does its work twice, and only
 * the second time counts: after some idle seconds, grpc-js needs thousands of calls to be fast again.
 */
export async function contest(
  contenders: readonly Contender[],
  { warmUp, rounds, seconds }: Length,
): Promise<ReadonlyMap<string, Rate>> {
  const states = contenders.map((contender) => ({ contender, count: warmUp, rates: [] as Rate[] }));
  for (let round = 0; round <= rounds; round += 1) {
    for (const state of states) {
      if (round > 0) await state.contender.work(state.count);
      const rate = await rateOf(state.contender, state.count);
      state.count = Math.ceil(rate.ofCore * seconds);
      if (round > 0) state.rates.push(rate);
    }
  }
  return new Map(states.map(({ contender, rates }) => [contender.name, medianRate(rates)]));
}

async function rateOf({ cpuSeconds, work }: Contender, count: number): Promise<Rate> {
  const before = { cpuSeconds: cpuSeconds(), ms: performance.now() };
  await work(count);
  return {
    ofCore: count / (cpuSeconds() - before.cpuSeconds),
    byClock: (count * 1_000) / (performance.now() - before.ms),
  };
}

function medianRate(rates: readonly Rate[]): Rate {
  return {
    ofCore: median(rates.map(({ ofCore }) => ofCore)),
    byClock: median(rates.map(({ byClock }) => byClock)),
  };
}
