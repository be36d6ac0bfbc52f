import { backoff } from '../time/backoff.ts';
import { sleep } from '../time/sleep.ts';
import { within } from '../time/within.ts';
import type { Registration, SelfDescription } from './discovery.ts';
import type { DiscoveryParts, RegistryLog } from './registry-log.ts';

/** The entry of this process in one registry, as its adapter writes it. Each function rejects with a MeshError of `errors.ts`. */
export interface RegistryEntry {
  /** Enters this process, or replaces its entry. */
  enter(signal: AbortSignal): Promise<void>;
  /** Confirms the entry. Resolves with `false` if the registry no longer has it: it is then entered again. */
  confirm(signal: AbortSignal): Promise<boolean>;
  readonly confirmEveryMs: number;
  /** Takes it out of the lists of others, then out of the registry. */
  withdraw(signal: AbortSignal): Promise<void>;
}

export interface RegistrationOptions extends Pick<DiscoveryParts, 'clock' | 'logger'> {
  /** Without secrets. */
  readonly registry: string;
  readonly log: RegistryLog;
}

const delayAfter = backoff({ firstMs: 100, maxMs: 2_000, jitter: [0.5, 1] });

/** Keeps the entry in the registry until `leave`. A registry that is away delays that and nothing else. */
export function keepRegistered(
  entry: RegistryEntry,
  { services, address, instance }: SelfDescription,
  { registry, log, clock, logger }: RegistrationOptions,
): Registration {
  const leaving = new AbortController();
  const { signal } = leaving;
  const writing = new AbortController();
  const name = `registration of ${instance}`;
  let mayBeEntered = false;

  async function keep(): Promise<void> {
    let failures = 0;
    let isEntered = false;
    while (!signal.aborted) {
      try {
        if (!isEntered) {
          mayBeEntered = true;
          await entry.enter(writing.signal);
          isEntered = true;
          logger.info({ registry, services, address, instance }, 'registered');
        } else if (!(await entry.confirm(signal))) {
          isEntered = false;
          logger.warn(
            { registry, services, address, instance },
            'registry has lost the entry of this process; registering again',
          );
          continue;
        }
        failures = 0;
        log.answered(name);
        await sleep(clock, entry.confirmEveryMs, signal);
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        log.failed(name, error);
        await sleep(clock, delayAfter(failures), signal);
      }
    }
  }

  const kept = keep();
  return {
    async leave(withinMs) {
      leaving.abort();
      const limit = new AbortController();
      try {
        await within(withdraw(limit.signal, withinMs), withinMs, clock);
      } catch (error) {
        logger.warn({ registry, services, address, instance, err: error }, notLeftText);
      } finally {
        limit.abort();
      }
    },
  };

  async function withdraw(signal: AbortSignal, withinMs: number): Promise<void> {
    // An entry that is just being written must not arrive after the deregistration.
    await Promise.race([kept, sleep(clock, withinMs / 2, signal)]);
    writing.abort();
    await kept;
    if (!mayBeEntered) return;
    await entry.withdraw(signal);
    logger.info({ registry, services, address, instance }, 'deregistered');
  }
}

const notLeftText =
  'could not deregister in time; callers see by health that this process drains, and the registry when its entry expires';
