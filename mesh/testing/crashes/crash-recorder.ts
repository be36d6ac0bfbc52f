import { type DiskState, isSameState } from './disk-state.ts';
import type { Observer, Operation } from './observe-runtime.ts';

/** What a scenario reports and controls while its crashes are recorded. */
export interface Recording {
  /** Notes what a caller was answered: no crash from now on may lose it. */
  answered(answer: string): void;
  /**
   * Holds the next `operation` of a service back before it begins: `pauseBefore('order', 'run:charge')`. `reached` resolves when
   * it is held.
   */
  pauseBefore(service: string, operation: Operation): { readonly reached: Promise<void>; resume(): void };
}

/** What a crash leaves, whichever of its points it comes at: what is on the disk is the same at all of them. */
export interface Crash {
  /** `before order run:charge 1`, the first charge since the mesh served; `after answer …`. In the order of time. */
  readonly points: readonly string[];
  /** What callers had been answered. */
  readonly answers: ReadonlySet<string>;
  readonly state: DiskState;
}

/** Notes the state of the disk around each operation of some services. */
export interface CrashRecorder {
  observerOf(service: string): Observer;
  readonly recording: Recording;
  /** From now on points are noted. */
  begin(): void;
  /** Ends that, and returns all crashes in the order of time. */
  end(): readonly Crash[];
  /** The operations that services are set up for, each as `order run:charge`. */
  readonly existing: ReadonlySet<string>;
  /** Those of each saga, by its name. */
  readonly sagas: ReadonlyMap<string, ReadonlySet<string>>;
  /** Those that were run. */
  readonly reached: ReadonlySet<string>;
}

interface Pause {
  readonly reached: () => void;
  readonly resumed: Promise<void>;
}

/** Creates a recorder that reads states by `read`. */
export function createCrashRecorder(read: () => DiskState): CrashRecorder {
  const existing = new Set<string>();
  const sagas = new Map<string, Set<string>>();
  const counts = new Map<string, number>();
  const pauses = new Map<string, Pause>();
  const answers = new Set<string>();
  const crashes: Crash[] = [];
  let isRecording = false;

  function note(point: string): void {
    if (!isRecording) return;
    const state = read();
    const last = crashes.at(-1);
    const isSame = last !== undefined && isSameState(last.state, state);
    const points = isSame ? [...last.points, point] : [point];
    if (isSame) crashes.pop();
    crashes.push({ points, answers: new Set(answers), state });
  }

  async function pass<T>(name: string, run: () => Promise<T>): Promise<T> {
    if (!isRecording) return await run();
    const nth = (counts.get(name) ?? 0) + 1;
    counts.set(name, nth);
    note(`before ${name} ${nth}`);
    const pause = pauses.get(name);
    pauses.delete(name);
    pause?.reached();
    await pause?.resumed;
    try {
      return await run();
    } finally {
      note(`after ${name} ${nth}`);
    }
  }

  return {
    observerOf: (service) => ({
      pass: (operation, run) => pass(`${service} ${operation}`, run),
      exists(operation, saga) {
        existing.add(`${service} ${operation}`);
        if (saga !== undefined) sagas.set(saga, (sagas.get(saga) ?? new Set()).add(`${service} ${operation}`));
      },
    }),
    recording: {
      answered(answer) {
        answers.add(answer);
        note(`after answer ${answer}`);
      },
      pauseBefore(service, operation) {
        const reached = Promise.withResolvers<void>();
        const resumed = Promise.withResolvers<void>();
        pauses.set(`${service} ${operation}`, { reached: reached.resolve, resumed: resumed.promise });
        return { reached: reached.promise, resume: resumed.resolve };
      },
    },
    begin() {
      isRecording = true;
      note('before anything');
    },
    end() {
      note('at the end');
      isRecording = false;
      return crashes;
    },
    existing,
    sagas,
    get reached() {
      return new Set(counts.keys());
    },
  };
}
