import type { Endpoints } from '../../balancing/endpoints.ts';
import { serviceNameOf } from '../../discovery/discovery.ts';
import { noEndpoints } from '../../discovery/errors.ts';
import type { Clock } from '../../time/clock.ts';
import type { Health } from './health.ts';

// Shorter than what anyone who watches health would notice.
const intervalMs = 250;

export interface MergedHealthOptions {
  readonly endpoints: Endpoints;
  /** The contracts of other processes, by full name. */
  readonly contracts: () => readonly string[];
  readonly health: Pick<Health, 'show'>;
  readonly clock: Clock;
}

/**
 * Shows the health of the contracts behind this process: one serves while an instance of its service takes calls. The health
 * of the process itself (`''`) does not depend on them, so a load balancer keeps it when a single service is down. Returns what
 * ends it.
 */
export function mergeHealth({ endpoints, contracts, health, clock }: MergedHealthOptions): () => void {
  const shown = new Map<string, boolean>();
  let cancel: () => void;
  const round = () => {
    const names = new Set(endpoints.names());
    for (const contract of contracts()) {
      const service = serviceNameOf(contract);
      if (!names.has(service)) continue;
      const serves = endpoints
        .of(service)
        .instances(contract)
        .some(({ state }) => state === 'ready');
      if (shown.get(contract) === serves) continue;
      shown.set(contract, serves);
      const message = `${service} has no instance that takes calls`;
      health.show(contract, serves ? [] : [{ check: service, reason: noEndpoints.reason, message }]);
    }
    cancel = clock.after(intervalMs, round);
  };
  round();
  return () => cancel();
}
