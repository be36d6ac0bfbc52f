import { runOutsideOfCalls } from '../telemetry/call-scope.ts';
import { backoff } from '../time/backoff.ts';
import { sleep } from '../time/sleep.ts';
import type { Discovery, EndpointSet, FoundEndpoint } from './discovery.ts';
import { createEndpointSet, type SetOfService } from './endpoint-set.ts';
import { serviceUnknown } from './errors.ts';
import { createRegistryLog, type DiscoveryParts, type RegistryLog } from './registry-log.ts';

/** What a registry answered about a service. */
export interface Answer {
  readonly endpoints: readonly FoundEndpoint[];
  /**
   * Whether an empty answer means that there is no instance. It then replaces the last set after 30 s: a registry that was
   * restarted is empty until all have registered. Default: false, an empty answer keeps the last set.
   */
  readonly isCertain?: boolean;
}

/** How an adapter follows one service. */
export interface Following {
  /** Aborts when the service is no longer watched. */
  readonly signal: AbortSignal;
  /** Resolves after `delayMs`, or earlier if an instance drains or is lost, or the watch has ended. */
  rest(delayMs: number): Promise<void>;
}

/**
 * Yields what the registry answers about a service, as often as it answers. If it throws, or ends, it is called again: after
 * a failure with growing delays. A MeshError of `errors.ts` is logged with its remedy.
 */
export type Follow = (service: string, following: Following) => AsyncIterable<Answer>;

/** The parts of a discovery that an adapter need not write. */
export interface Watches extends Pick<Discovery, 'watch' | 'refresh' | 'close'> {
  /** The services that are watched and have an instance. */
  names(): readonly string[];
  /** Whether a service that is watched has an instance. */
  has(service: string): boolean;
  /** For failures that are not those of a watch. */
  readonly log: RegistryLog;
}

const refreshEveryMs = 1_000;

const delayAfter = backoff({ firstMs: 100, maxMs: 1_000, jitter: [0.5, 1] });

interface Watched {
  readonly set: SetOfService;
  readonly listeners: Set<(set: EndpointSet) => void>;
  readonly ending: AbortController;
  ended: Promise<void>;
  waking: AbortController;
  /** Whether the registry is to be asked again, once the question in progress is answered. */
  isRefreshWanted: boolean;
  /** By the elapsed time of the clock. */
  refreshedMs: number;
  /** The refresh that comes a second after the last one. */
  cancelRefresh: (() => void) | undefined;
}

/** Follows each service that is watched. `registry` is the registry as `DISCOVERY_URL` names it, without secrets. */
export function createWatches(registry: string, follow: Follow, parts: DiscoveryParts): Watches {
  const { clock, logger } = parts;
  const log = createRegistryLog(registry, parts);
  const watched = new Map<string, Watched>();
  measure(watched, parts);

  async function run(service: string, { set, ending: { signal } }: Watched): Promise<void> {
    let failures = 0;
    const following = { signal, rest: (delayMs: number) => rest(service, delayMs) };
    while (!signal.aborted) {
      try {
        for await (const { endpoints, isCertain = false } of follow(service, following)) {
          if (signal.aborted) return;
          failures = 0;
          log.answered(service);
          set.confirm(endpoints, isCertain);
        }
        // One that ends immediately must not be called in a loop.
        await following.rest(delayAfter(1));
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        log.failed(service, error);
        set.unconfirmed();
        if (serviceUnknown.is(error)) set.unknown();
        await following.rest(delayAfter(failures));
      }
    }
  }

  async function rest(service: string, delayMs: number): Promise<void> {
    const entry = watched.get(service);
    if (!entry) return;
    if (!entry.isRefreshWanted)
      await sleep(clock, delayMs, AbortSignal.any([entry.ending.signal, entry.waking.signal]));
    entry.isRefreshWanted = false;
  }

  function wake(entry: Watched): void {
    entry.cancelRefresh = undefined;
    entry.refreshedMs = clock.elapsedMs();
    entry.isRefreshWanted = true;
    entry.waking.abort();
    entry.waking = new AbortController();
  }

  function begin(service: string): Watched {
    const listeners: Watched['listeners'] = new Set();
    const set = createEndpointSet({ registry, service, clock, logger }, (changed) => {
      for (const listener of listeners) notify(service, listener, changed);
    });
    const entry: Watched = {
      set,
      listeners,
      ending: new AbortController(),
      ended: Promise.resolve(),
      waking: new AbortController(),
      isRefreshWanted: false,
      refreshedMs: -refreshEveryMs,
      cancelRefresh: undefined,
    };
    watched.set(service, entry);
    entry.ended = runOutsideOfCalls(() => run(service, entry));
    return entry;
  }

  /** A listener that throws is a fault of this process. The registry has not failed, and the other listeners get the set. */
  function notify(service: string, listener: (set: EndpointSet) => void, changed: EndpointSet): void {
    try {
      listener(changed);
    } catch (error) {
      logger.error({ registry, service, err: error }, 'a change of the instances could not be used; this is a bug');
    }
  }

  function end(service: string, entry: Watched): Promise<void> {
    if (watched.get(service) === entry) watched.delete(service);
    entry.set.close();
    entry.ending.abort();
    entry.cancelRefresh?.();
    return entry.ended;
  }

  return {
    log,
    names: () => [...watched].filter(([, { set }]) => set.endpoints().length > 0).map(([service]) => service),
    has: (service) => (watched.get(service)?.set.endpoints().length ?? 0) > 0,
    watch(service, changed) {
      const entry = watched.get(service) ?? begin(service);
      entry.listeners.add(changed);
      const current = entry.set.current();
      if (current) changed(current);
      return () => {
        entry.listeners.delete(changed);
        if (entry.listeners.size === 0) void end(service, entry);
      };
    },
    refresh(service) {
      const entry = watched.get(service);
      if (!entry || entry.cancelRefresh) return;
      const waitMs = entry.refreshedMs + refreshEveryMs - clock.elapsedMs();
      if (waitMs <= 0) wake(entry);
      // An instance that drained, and is lost now: its successor may have come in between.
      else entry.cancelRefresh = runOutsideOfCalls(() => clock.after(waitMs, () => wake(entry)));
    },
    async close() {
      await Promise.all([...watched].map(([service, entry]) => end(service, entry)));
    },
  };
}

function measure(watched: ReadonlyMap<string, Watched>, { clock, metrics }: DiscoveryParts): void {
  const age = metrics.gauge(
    'ordermesh_discovery_age_seconds',
    'How long ago the registry last confirmed the instances of a service.',
    ['service'],
  );
  age.collect(async () =>
    [...watched].flatMap(([service, { set }]) => {
      const confirmedMs = set.confirmedMs();
      return confirmedMs === undefined
        ? []
        : [{ labels: { service }, value: (clock.elapsedMs() - confirmedMs) / 1000 }];
    }),
  );
  const endpoints = metrics.gauge('ordermesh_discovery_endpoints', 'The known instances of a service.', [
    'service',
    'state',
  ]);
  endpoints.collect(async () =>
    [...watched].flatMap(([service, { set }]) =>
      (['ready', 'draining'] as const).map((state) => ({
        labels: { service, state },
        value: set.endpoints().filter((endpoint) => endpoint.state === state).length,
      })),
    ),
  );
}
