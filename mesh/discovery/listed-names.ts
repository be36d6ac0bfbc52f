import { backoff } from '../time/backoff.ts';
import type { Clock } from '../time/clock.ts';
import { sleep } from '../time/sleep.ts';
import type { RegistryLog } from './registry-log.ts';
import type { Following } from './watches.ts';

/** The names of all services of a registry, for those who need more than the services that they watch. */
export interface ListedNames {
  /** Returns the last known names. The registry is asked from the first call on. */
  names(): readonly string[];
  close(): Promise<void>;
}

/** Yields the names whenever the registry answers. If it throws, it is called again after growing delays. */
export type FollowNames = (following: Following) => AsyncIterable<readonly string[]>;

/** How failures are reported instead of the name of a service. */
const everyService = '*';

const delayAfter = backoff({ firstMs: 100, maxMs: 5_000, jitter: [0.5, 1.5] });

/** Follows the names of a registry. One that is away keeps them. */
export function createListedNames(follow: FollowNames, log: RegistryLog, clock: Clock): ListedNames {
  const ending = new AbortController();
  const { signal } = ending;
  const rest = (delayMs: number) => sleep(clock, delayMs, signal);
  let known: readonly string[] = [];
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    for (let failures = 0; !signal.aborted; await rest(delayAfter(failures))) {
      try {
        for await (const names of follow({ signal, rest })) {
          failures = 0;
          log.answered(everyService);
          known = names;
        }
      } catch (error) {
        if (!signal.aborted) log.failed(everyService, error);
      }
      failures += 1;
    }
  }

  return {
    names() {
      running ??= run();
      return known;
    },
    async close() {
      ending.abort();
      await running;
    },
  };
}
