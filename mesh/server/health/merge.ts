import type { Endpoints } from '../../balancing/endpoints.ts';
import { serviceNameOf } from '../../discovery/discovery.ts';
import { noEndpoints } from '../../discovery/errors.ts';
import type { Health } from './health.ts';

export interface MergedHealthOptions {
  readonly endpoints: Pick<Endpoints, 'names' | 'knows' | 'of'>;
  readonly health: Pick<Health, 'show'>;
}

/** The health of the contracts of other processes. */
export interface MergedHealth {
  /** Shows these contracts too, by full name. */
  add(contracts: readonly string[]): void;
  close(): void;
}

/**
 * Shows the health of the contracts behind this process: one serves while an instance of its service takes calls. The health
 * of the process itself (`''`) does not depend on them, so a load balancer keeps it when a single service is down.
 */
export function mergeHealth({ endpoints, health }: MergedHealthOptions): MergedHealth {
  const shown = new Map<string, boolean>();
  const byService = new Map<string, Set<string>>();
  const endWatches: (() => void)[] = [];

  const update = (service: string, contracts: ReadonlySet<string>) => {
    const balancer = endpoints.of(service);
    const isListed = endpoints.names().includes(service);
    for (const contract of contracts) {
      const instances = balancer.instances(contract);
      // A service that the registry may or may not have is not shown.
      if (!isListed && instances.length === 0 && !shown.has(contract)) continue;
      // Those that are ejected get calls if no other is left.
      const serves = instances.some(({ state }) => state === 'ready' || state === 'ejected');
      if (shown.get(contract) === serves) continue;
      shown.set(contract, serves);
      const message = `${service} has no instance that takes calls`;
      health.show(contract, serves ? [] : [{ check: service, reason: noEndpoints.reason, message }]);
    }
  };
  const watch = (service: string) => {
    const contracts = new Set<string>();
    byService.set(service, contracts);
    endWatches.push(endpoints.of(service).onChange(() => update(service, contracts)));
    return contracts;
  };
  return {
    add(contracts) {
      for (const [service, added] of Map.groupBy(contracts, serviceNameOf)) {
        if (endpoints.knows(service) === 'no') continue;
        const known = byService.get(service) ?? watch(service);
        for (const contract of added) known.add(contract);
        update(service, known);
      }
    },
    close() {
      for (const end of endWatches) end();
    },
  };
}
