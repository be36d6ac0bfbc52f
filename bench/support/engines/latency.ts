import { median, percentile } from '../rates.ts';
import type { LoadedServer } from '../server.ts';
import { getUserRequest } from './contenders.ts';
import { getUserMethod } from './methods.ts';
import { openLoop } from './open-loop.ts';

const rounds = 3;
const seconds = 1.5;

/** A server and its rate of GetUser calls. */
export interface Paced {
  readonly server: LoadedServer;
  readonly perSecond: number;
}

/** Returns the 99th percentile of each server in milliseconds, as median of alternating rounds. The first does not count. */
export async function slowestPercent(paced: readonly Paced[]): Promise<number[]> {
  const found = paced.map(() => [] as number[]);
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, { server, perSecond }] of paced.entries()) {
      const { path } = getUserMethod;
      const timesMs = await openLoop({ address: server.address, path, request: getUserRequest, perSecond, seconds });
      if (round > 0) found[index]?.push(percentile(timesMs, 0.99));
    }
  }
  return found.map(median);
}
