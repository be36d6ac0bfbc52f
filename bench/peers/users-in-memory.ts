import type { User } from '#gen/user/v1/user.ts';
import { userOf } from '../support/user-of.ts';

const timeMs = Date.now();

/** As many users as `BENCH_USERS` says, in the order of their ids. */
export const all: readonly User[] = Array.from({ length: Number(process.env.BENCH_USERS) }, (_, index) => ({
  ...userOf(index),
  createTime: new Date(timeMs),
  updateTime: new Date(timeMs),
  etag: '1',
}));

/** The same, by id. */
export const byId: ReadonlyMap<string, User> = new Map(all.map((user) => [user.id, user]));

/** Tells the benchmark on which port of this machine the peer serves. */
export function tellReady(port: number): void {
  process.stdout.write(`ready grpc=127.0.0.1:${port}\n`);
}
