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
