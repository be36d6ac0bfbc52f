import type { LoadedServer } from './server.ts';

const rounds = 5;

/** Compares two servers by their rate per second of processor time. Returns medians of alternating rounds. */
export async function compareRates(
  [ours, peer]: readonly [LoadedServer, LoadedServer],
  load: (server: LoadedServer) => Promise<number>,
): Promise<{ readonly ours: number; readonly peers: number }> {
  const rates = { ours: [] as number[], peers: [] as number[] };
  // The first round warms up both.
  for (let round = 0; round <= rounds; round += 1) {
    const [ourRate, peerRate] = [await rateOf(ours, load), await rateOf(peer, load)];
    if (round === 0) continue;
    rates.ours.push(ourRate);
    rates.peers.push(peerRate);
  }
  return { ours: median(rates.ours), peers: median(rates.peers) };
}

/**
 * Compares two functions by their rate per second of wall-clock time. Returns medians of alternating rounds. A round does
 * `count` operations; the first one warms up and does not count.
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

/** Returns how long `work` takes, in milliseconds. */
export async function timeMs(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

/**
 * On a quiet machine this is the throughput of a saturated server, which has its core to itself. On a busy machine it is still
 * the server's cost, which wall-clock time would not show.
 */
async function rateOf(server: LoadedServer, load: (server: LoadedServer) => Promise<number>): Promise<number> {
  const before = server.cpuSeconds();
  const done = await load(server);
  return done / (server.cpuSeconds() - before);
}

/** Returns the median. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Returns the percentile `share`, from 0 to 1, of each round, and of these the median. Rounds have equal length. */
export function medianOfRounds(values: readonly number[], rounds: number, share: number): number {
  const size = values.length / rounds;
  const ofRounds = Array.from({ length: rounds }, (_, round) => values.slice(round * size, (round + 1) * size));
  return median(ofRounds.map((ofRound) => percentile(ofRound, share)));
}

/** Returns the percentile `share`, from 0 to 1. */
export function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
}
