import { join } from 'node:path';
import type { ServiceDefinition } from '../../app/service/service.ts';
import { startMesh, type TestMesh } from '../start-mesh.ts';
import { tempFolder } from '../temp-folder.ts';
import { onRuntime } from '../test-service.ts';
import { type Crash, createCrashRecorder, type Recording } from './crash-recorder.ts';
import { type DiskState, openFolderReader, writeState } from './disk-state.ts';
import { observeRuntime } from './observe-runtime.ts';

/** A story of callers, which a crash may cut off anywhere. */
export interface CrashScenario {
  /** Runs the story once, without a crash. It must be over when this resolves: no mail, event or step is left to happen. */
  readonly act: (mesh: TestMesh, recording: Recording) => Promise<void>;
  /**
   * Checks a mesh that was started on what a crash has left: it repeats what may not have been answered, with the same
   * request ids, waits for the end and asserts it. Called once for each state that the disk had, on a mesh of its own.
   */
  readonly check: (mesh: TestMesh, crash: Crash) => Promise<void>;
}

export interface CrashOptions {
  /** All services that take part, and those that the checks use. */
  readonly services: readonly ServiceDefinition[];
  /** Settings of the meshes. They must keep their data in `DATA_DIR`, as by default: what is elsewhere is not set back. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Fills the data folder that each scenario begins with. */
  readonly prepare?: (mesh: TestMesh) => Promise<void>;
  /** By what happens in them: `an order that completes`. */
  readonly scenarios: Readonly<Record<string, CrashScenario>>;
  /** How many restarted meshes are checked at a time. Default: 3. */
  readonly atATime?: number;
}

export interface CrashReport {
  /** How many points there were, and how many different states the disk had at them: as many meshes were restarted. */
  readonly points: number;
  readonly restarts: number;
  /** The operations that the services are set up for, each as `order run:charge`, and those that scenarios have reached. */
  readonly existing: ReadonlySet<string>;
  readonly reached: ReadonlySet<string>;
  /** The runs and undos of each saga, by its name, whatever its version. */
  readonly sagas: ReadonlyMap<string, readonly string[]>;
}

export type { Crash, Recording };

const maxErrors = 5;

/**
 * Crashes a mesh before and after everything that it does, and starts it again on what is on the disk. Each scenario runs
 * once; at each of its points, as `observeRuntime` sees them, the files of the data folder are read as a process that is killed
 * there would leave them. Then a new mesh is started on a copy of each state, and checked. States that do not differ are
 * checked once. This is a crash of a process, not of a machine: what is not yet synced is kept. Throws an AggregateError
 * whose errors name the points after which a check failed.
 */
export async function crashEverywhere(options: CrashOptions): Promise<CrashReport> {
  const { services, prepare, scenarios, atATime = 3 } = options;
  const errors: Error[] = [];
  const existing = new Set<string>();
  const reached = new Set<string>();
  const sagas = new Map<string, readonly string[]>();
  let points = 0;
  let restarts = 0;
  const prepared = await withMesh(options, services, new Map(), async (mesh) => {
    await prepare?.(mesh);
  });
  for (const [name, scenario] of Object.entries(scenarios)) {
    const recorded = await record(options, prepared, scenario);
    for (const operation of recorded.existing) existing.add(operation);
    for (const operation of recorded.reached) reached.add(operation);
    for (const [saga, operations] of recorded.sagas) sagas.set(saga, [...operations]);
    points += recorded.crashes.reduce((sum, crash) => sum + crash.points.length, 0);
    restarts += recorded.crashes.length;
    await runAtATime(atATime, recorded.crashes, async (crash) => {
      if (errors.length >= maxErrors) return;
      const check = (mesh: TestMesh) => scenario.check(mesh, crash);
      await withMesh(options, services, crash.state, check).catch((error: unknown) => {
        const message = `${name}, killed ${crash.points.join(', ')}: ${error instanceof Error ? error.message : error}`;
        errors.push(new Error(message, { cause: error }));
      });
    });
  }
  if (errors.length > 0) throw new AggregateError(errors, errors.map(({ message }) => message).join('\n\n'));
  return { points, restarts, existing, reached, sagas };
}

/** Starts a mesh on a state, uses it, stops it, and returns the state that it leaves. */
async function withMesh(
  { environment }: CrashOptions,
  services: readonly ServiceDefinition[],
  state: DiskState,
  use: (mesh: TestMesh, read: () => DiskState) => Promise<void>,
): Promise<DiskState> {
  await using folder = await tempFolder();
  const dataDir = join(folder.path, 'data');
  writeState(dataDir, state);
  const reader = openFolderReader(dataDir);
  try {
    const mesh = await startMesh(services, { ...environment, DATA_DIR: dataDir });
    try {
      await use(mesh, reader.read);
    } finally {
      await mesh.stop();
    }
    return reader.read();
  } finally {
    reader.close();
  }
}

/** Runs a scenario and notes what each crash would leave. */
async function record(options: CrashOptions, prepared: DiskState, { act }: CrashScenario) {
  let read = (): DiskState => new Map();
  const recorder = createCrashRecorder(() => read());
  const services = options.services.map((service) =>
    onRuntime(service, (runtime) => observeRuntime(service.name, runtime, recorder.observerOf(service.name))),
  );
  let crashes: readonly Crash[] = [];
  await withMesh(options, services, prepared, async (mesh, readState) => {
    read = readState;
    recorder.begin();
    await act(mesh, recorder.recording);
    crashes = recorder.end();
  });
  const { existing, reached, sagas } = recorder;
  return { crashes, existing, reached, sagas };
}

async function runAtATime<T>(limit: number, items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const runNext = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await run(next);
  };
  await Promise.all(Array.from({ length: limit }, runNext));
}
