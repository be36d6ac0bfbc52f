import type { Health } from '../server/health/health.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Service } from './service.ts';

const intervalMs = 5_000;

/**
 * Asks every service whether it can do its work, now and every 5 s, and shows the answers as the health of what it
 * serves; the server as a whole serves while all of them do. Returns how to end that.
 */
export function watchServices(services: readonly Service[], health: Health, clock: Clock, logger: Logger): () => void {
  const failing = new Set<string>();
  let cancel: (() => void) | undefined;
  let ended = false;

  const ask = async (service: Service) => {
    try {
      await service.check?.();
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

  void round();
  return () => {
    ended = true;
    cancel?.();
  };
}
