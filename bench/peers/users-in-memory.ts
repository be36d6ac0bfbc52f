import type { User } from '#gen/user/v1/user.ts';
import { userOf } from '../support/user-of.ts';

const timeMs = Date.now();

/** `BENCH_USERS` users, sorted by id. */
export const all: readonly User[] = Array.from({ length: Number(process.env.BENCH_USERS) }, (_, index) => ({
  ...userOf(index),
  createTime: new Date(timeMs),
  updateTime: new Date(timeMs),
  etag: '1',
}));

/** The same users, by id. */
export const byId: ReadonlyMap<string, User> = new Map(all.map((user) => [user.id, user]));

/** Reports to the benchmark that the peer is serving on this port. */
export function reportReady(port: number): void {
  process.stdout.write(`ready grpc=127.0.0.1:${port}\n`);
}
