import type { Endpoints } from '../../balancing/endpoints.ts';
import { serviceNameOf } from '../../discovery/discovery.ts';
import { noEndpoints } from '../../discovery/errors.ts';
import type { Health } from './health.ts';

export interface MergedHealthOptions {
  readonly endpoints: Pick<Endpoints, 'knows' | 'of'>;
  readonly health: Pick<Health, 'show'>;
}

/** The health of the contracts of other processes. */
export interface MergedHealth {
  /** Shows these contracts too, by full name. */
  add(contracts: readonly string[]): void;
  close(): void;
}

/**
 * Shows the health of the contracts behind this process: one serves while an instance of its service takes calls. One of a
 * service that was never found does not serve, so a probe can tell it from a misspelt name (NOT_FOUND). The health
 * of the process itself (`''`) does not depend on them, so a load balancer keeps it when a single service is down.
 */
export function mergeHealth({ endpoints, health }: MergedHealthOptions): MergedHealth {
  const shown = new Map<string, boolean>();
  const byService = new Map<string, Set<string>>();
  const endWatches: (() => void)[] = [];

  const update = (service: string, contracts: ReadonlySet<string>) => {
    const balancer = endpoints.of(service);
    for (const contract of contracts) {
      // Those that are ejected get calls if no other is left.
      const serves = balancer.instances(contract).some(({ state }) => state === 'ready' || state === 'ejected');
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
