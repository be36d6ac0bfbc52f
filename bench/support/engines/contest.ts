import { median } from '../rates.ts';

/** One of those that are compared: something that does work, and what it costs. */
export interface Contender {
  readonly name: string;
  /** The processor time that all of its processes have used, in seconds. */
  cpuSeconds(): number;
  /** Does something `count` times. */
  work(count: number): Promise<void>;
}

/** How often a contender does something in a second. */
export interface Rate {
  /** Of its processor time. */
  readonly ofCore: number;
  /** By the clock on the wall. */
  readonly byClock: number;
}

/** How long a contest is. */
export interface Length {
  /** What each does before the rounds, for the compilers: grpc-js becomes faster for 40,000 calls. */
  readonly warmUp: number;
  readonly rounds: number;
  /** The processor time of a turn, about. */
  readonly seconds: number;
}

/**
 * The rates of all by name, the medians of rounds in which each has its turn. A turn does its work twice, and only the
 * second time counts: after some seconds without calls, grpc-js needs thousands of them to be as fast as it was.
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
