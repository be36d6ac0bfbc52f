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
  /** Marks it as draining: others no longer choose it. Not defined if the registry cannot show that. */
  drain?(signal: AbortSignal): Promise<void>;
  /** Removes it from the registry. */
  remove(signal: AbortSignal): Promise<void>;
}

/** An entry of this process until it ends. */
export interface KeptRegistration extends Registration {
  /** Removes the entry, if `leave` has not. Resolves within half a second. Never rejects. */
  remove(): Promise<void>;
}

export interface RegistrationOptions extends Pick<DiscoveryParts, 'clock' | 'logger'> {
  /** Without secrets. */
  readonly registry: string;
  readonly log: RegistryLog;
}

/** How long the end of the process waits for the registry. */
const maxRemoveMs = 500;

const delayAfter = backoff({ firstMs: 100, maxMs: 1_000, jitter: [0.5, 1] });

/** Keeps the entry in the registry until `leave` or `remove`. A registry that is away delays that and nothing else. */
export function keepRegistered(
  entry: RegistryEntry,
  { services, address, instance }: SelfDescription,
  { registry, log, clock, logger }: RegistrationOptions,
): KeptRegistration {
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
    leave: (withinMs) => end(withinMs, entry.drain ? drain : remove, notLeftText),
    remove: () => end(maxRemoveMs, remove, notRemovedText),
  };

  async function end(withinMs: number, last: (signal: AbortSignal) => Promise<void>, failedText: string) {
    leaving.abort();
    const limit = new AbortController();
    try {
      await within(afterKept(last, limit.signal, withinMs), withinMs, clock);
    } catch (error) {
      logger.warn({ registry, services, address, instance, err: error }, failedText);
    } finally {
      limit.abort();
    }
  }

  async function afterKept(last: (signal: AbortSignal) => Promise<void>, signal: AbortSignal, withinMs: number) {
    // An entry that is just being written must not arrive after the deregistration.
    await Promise.race([kept, sleep(clock, withinMs / 2, signal)]);
    writing.abort();
    await kept;
    if (mayBeEntered) await last(signal);
  }

  async function drain(signal: AbortSignal): Promise<void> {
    await entry.drain?.(signal);
    logger.info({ registry, services, address, instance }, 'draining in the registry');
  }

  async function remove(signal: AbortSignal): Promise<void> {
    await entry.remove(signal);
    mayBeEntered = false;
    logger.info({ registry, services, address, instance }, 'deregistered');
  }
}

const notLeftText =
  'could not show in the registry that this process drains; callers see it by health, and the registry when the entry expires';
const notRemovedText = 'could not deregister; the registry keeps the entry until it expires';
