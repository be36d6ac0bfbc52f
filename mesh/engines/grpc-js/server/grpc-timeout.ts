// grpc-js keeps a timeout as a 32-bit integer of milliseconds. Longer ones become negative and end the call immediately.
const maxMs = 2 ** 31 - 1;
const maxTimeout = '2147483S';

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 };

/**
 * Returns a `grpc-timeout` that grpc-js reads correctly: the value itself, or the maximum of 24.8 days for a longer one.
 * `undefined` if it is invalid.
 */
export function readableTimeout(value: string): string | undefined {
  const ms = timeoutMsOf(value);
  if (ms === undefined) return undefined;
  return ms > maxMs ? maxTimeout : value;
}

/** The milliseconds of a `grpc-timeout`; `undefined` if it is invalid. */
export function timeoutMsOf(value: string): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(value);
  const unit = unitMs[match?.[2] ?? ''];
  return match && unit !== undefined ? Number(match[1]) * unit : undefined;
}
