// grpc-js keeps a timeout as a 32-bit integer of milliseconds, so that longer ones turn negative and end the call at once.
const longestMs = 2 ** 31 - 1;
const longest = '2147483S';

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 };

/**
 * A `grpc-timeout` that grpc-js reads right: as it came, or the longest that it can hold (24.8 days) for one above
 * that. `undefined` when it is no timeout in gRPC's syntax.
 */
export function readableTimeout(value: string): string | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(value);
  const unit = unitMs[match?.[2] ?? ''];
  if (!match || unit === undefined) return undefined;
  return Number(match[1]) * unit > longestMs ? longest : value;
}
