import { type Clock, type Finding, sleep } from '#mesh';

const pauseMs = 250;

/**
 * Looks at something that seemed wrong, twice at most, a quarter of a second apart, and stops when it is right: what was
 * under way does not look wrong twice. Resolves with what is wrong with it then. Throws what `signal` aborts with.
 */
export async function lookAgain(
  look: () => Promise<Finding | undefined>,
  clock: Clock,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  signal.throwIfAborted();
  if (!(await look())) return undefined;
  await sleep(clock, pauseMs, signal);
  signal.throwIfAborted();
  return await look();
}
