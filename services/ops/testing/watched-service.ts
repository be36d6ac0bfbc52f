import type { Finding, ProjectionView, RebuildProgress, ServiceDefinition } from '#mesh';
import { type RowDifference, testService } from '#mesh/testing';

/** A service with projections and one audit check. */
export interface WatchedService {
  readonly definition: ServiceDefinition;
  /** The findings of its check `<name>/accounts`. */
  faults: Finding[];
  /** The differences that a rebuild of its projections finds. */
  differences: RowDifference[];
  /** Runs during a rebuild, before the rows are compared. */
  pause: (signal: AbortSignal) => Promise<void>;
  /** `name` of each projection that was rebuilt, `name discarded` of each rebuild that was discarded. */
  readonly rebuilt: string[];
}

/** Creates the service with projections of these names. */
export function createWatchedService(name: string, projections: readonly string[]): WatchedService {
  const rebuilt: string[] = [];
  const views = (): ProjectionView[] =>
    projections.map((projection, index) => ({
      name: `${name}/${projection}`,
      position: 40n,
      headPosition: 42n,
      behindSinceMs: index === 0 ? 1_700_000_000_000 : undefined,
      parkedEvents: index,
      generation: BigInt(1 + rebuilt.filter((each) => each === projection).length),
      rebuilding: false,
    }));

  async function* rebuild(fullName: string, { dryRun }: { readonly dryRun: boolean }, signal: AbortSignal) {
    const projection = fullName.slice(name.length + 1);
    let outcome = `${projection} discarded`;
    try {
      const counts = { eventsDone: 21, eventsTotal: 42, rowsCompared: 0, rowsDifferent: 0 };
      const started: RebuildProgress = {
        ...counts,
        stage: 'replaying',
        eventsLacking: 0,
        differences: [],
        liveHash: '',
        rebuiltHash: '',
      };
      yield started;
      await service.pause(signal);
      signal.throwIfAborted();
      yield { ...started, stage: 'comparing', eventsDone: 42, rowsCompared: 3 } as const;
      if (!dryRun) outcome = projection;
      const { differences } = service;
      const rows = { rowsCompared: 7, rowsDifferent: differences.length, differences, liveHash: 'aa' };
      const rebuiltHash = differences.length > 0 ? 'bb' : 'aa';
      yield { ...started, ...rows, stage: dryRun ? 'discarded' : 'switched', eventsDone: 42, rebuiltHash } as const;
    } finally {
      rebuilt.push(outcome);
    }
  }

  const service: WatchedService = {
    faults: [],
    differences: [],
    pause: async () => undefined,
    rebuilt,
    definition: testService(name, async () => ({
      projections: [{ list: async () => views(), rebuild }],
      audits: [
        {
          name: `${name}/accounts`,
          async *run(progress) {
            progress.examined(3);
            yield* service.faults;
          },
        },
      ],
    })),
  };
  return service;
}
