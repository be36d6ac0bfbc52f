import type { Health } from '../server/health/health.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Service } from './service.ts';

const intervalMs = 5_000;
const checkTimeoutMs = 5_000;
const tooLong = `the check took longer than ${checkTimeoutMs} ms: look whether what the service stands on answers`;

/**
 * Asks every service whether it can do its work, now and every 5 s, and shows the answers as the health of what it
 * serves; the server as a whole serves while all of them do. A service that does not answer within 5 s cannot. Resolves
 * once each has been asked, with how to end that.
 */
export async function watchServices(
  services: readonly Service[],
  health: Health,
  clock: Clock,
  logger: Logger,
): Promise<() => void> {
  const failing = new Set<string>();
  let cancel: (() => void) | undefined;
  let ended = false;

  const ask = async (service: Service) => {
    try {
      await withinTime(service.check?.(), clock);
      if (failing.delete(service.name)) logger.info({ service: service.name }, 'service works again');
    } catch (error) {
      if (!failing.has(service.name)) logger.error({ err: error, service: service.name }, 'service cannot do its work');
      failing.add(service.name);
    }
    if (ended) return;
    for (const served of service.serves) {
      health.set(served.contract.definition.fullName, failing.has(service.name) ? 'NOT_SERVING' : 'SERVING');
    }
  };
  const round = async () => {
    await Promise.all(services.map(ask));
    if (ended) return;
    health.set('', failing.size > 0 ? 'NOT_SERVING' : 'SERVING');
    cancel = clock.after(intervalMs, () => void round());
  };

  await round();
  return () => {
    ended = true;
    cancel?.();
  };
}

/** Rejects when a check takes too long: one that hangs tells as much as one that fails. */
async function withinTime(check: Promise<void> | undefined, clock: Clock): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const callOff = clock.after(checkTimeoutMs, () => reject(new Error(tooLong)));
  try {
    await Promise.race([check, late]);
  } finally {
    callOff();
  }
}
