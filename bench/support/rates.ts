import type { LoadedServer } from './server.ts';

const rounds = 5;

/** What two servers do for each second of their processor time, the median of rounds that alternate between them. */
export async function compareRates(
  [ours, peer]: readonly [LoadedServer, LoadedServer],
  load: (server: LoadedServer) => Promise<number>,
): Promise<{ readonly ours: number; readonly peers: number }> {
  const rates = { ours: [] as number[], peers: [] as number[] };
  // The first round is for the compilers of both.
  for (let round = 0; round <= rounds; round += 1) {
    const [ourRate, peerRate] = [await rateOf(ours, load), await rateOf(peer, load)];
    if (round === 0) continue;
    rates.ours.push(ourRate);
    rates.peers.push(peerRate);
  }
  return { ours: median(rates.ours), peers: median(rates.peers) };
}

/**
 * What each of two does a second by the clock on the wall, the median of rounds that alternate between them. A round does
 * `count` things; the first is for the compilers and does not count.
 */
export async function compareByClock(
  count: number,
  countedRounds: number,
  ours: () => Promise<unknown>,
  peer: () => Promise<unknown>,
): Promise<{ readonly ours: number; readonly peers: number }> {
  const rates = { ours: [] as number[], peers: [] as number[] };
  for (let round = 0; round <= countedRounds; round += 1) {
    const [oursMs, peersMs] = [await timeMs(ours), await timeMs(peer)];
    if (round === 0) continue;
    rates.ours.push((count * 1_000) / oursMs);
    rates.peers.push((count * 1_000) / peersMs);
  }
  return { ours: median(rates.ours), peers: median(rates.peers) };
}

/** How long something takes, in milliseconds. */
export async function timeMs(work: () => Promise<unknown>): Promise<number> {
  const begunMs = performance.now();
  await work();
  return performance.now() - begunMs;
}

/**
 * A saturated server has its core to itself on a quiet machine, so this is its throughput there; on a busy machine it
 * still is what the server costs, which a clock on the wall would not show.
 */
async function rateOf(server: LoadedServer, load: (server: LoadedServer) => Promise<number>): Promise<number> {
  const before = server.cpuSeconds();
  const done = await load(server);
  return done / (server.cpuSeconds() - before);
}

/** The middle of them. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** What a share of the values of a round, from 0 to 1, is not above: the median of rounds of equal length. */
export function medianOfRounds(values: readonly number[], rounds: number, share: number): number {
  const size = values.length / rounds;
  const ofRounds = Array.from({ length: rounds }, (_, round) => values.slice(round * size, (round + 1) * size));
  return median(ofRounds.map((ofRound) => percentile(ofRound, share)));
}

/** What a share of the values, from 0 to 1, is not above. */
export function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
}
