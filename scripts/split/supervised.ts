import { createInterface } from 'node:readline';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type { Ending, Launch, LaunchedProcess } from './launch.ts';
import type { Output } from './output.ts';
import type { PlannedProcess } from './plan.ts';

/** A process that is started again whenever it ends. */
export interface SupervisedProcess {
  readonly plan: PlannedProcess;
  /** The ids of its processes: one, none while it is down, two while it is replaced by a second one. */
  pids(): number[];
  /** `host:port` where it serves, once it does. */
  address(): string | undefined;
  /** `host:port` where it serves HTTP, if it does. */
  httpAddress(): string | undefined;
  /** Starts it, and resolves when it serves or is stopped. Rejects with a `CannotStart` if it ends with exit code 2. */
  start(): Promise<void>;
  /**
   * Ends it and starts it, or the other way round if both can listen. Resolves when the new one serves. Rejects if it is stopped
   * meanwhile.
   */
  replace(): Promise<void>;
  /**
   * Ends it with SIGTERM, unless `replace` has done so, and after `timeoutMs` with SIGKILL. Resolves with what went wrong, or
   * undefined.
   */
  stop(timeoutMs: number): Promise<string | undefined>;
  /** Ends it with SIGKILL. */
  kill(): void;
}

export interface SupervisedOptions {
  readonly launch: Launch;
  readonly output: Output;
  /** Whether a second instance can run next to the first. Default: false. */
  readonly overlaps?: boolean;
  /** How long `replace` then waits between the start of the new one and the end of the old one. Default: 0. */
  readonly settleMs?: number;
  /** How long `replace` waits for the end of the old one before SIGKILL. */
  readonly drainTimeoutMs: number;
  /** How long `replace` waits for the new one. Default: 60 s. */
  readonly startTimeoutMs?: number;
}

/** A process ended with exit code 2: its settings or its surroundings have to change first. */
export class CannotStart extends Error {
  constructor(name: string, printed: string) {
    super(`${name} ${printed === '' ? 'cannot start' : printed}`);
  }
}

const exitCannotStart = 2;
const firstDelayMs = 100;
const maxDelayMs = 5_000;
/** A process that ran for so long is started again without a long pause. */
const steadyMs = 60_000;
/** How many lines of a process that cannot start are kept. */
const keptLines = 20;

interface Run {
  readonly launched: LaunchedProcess;
  /** 1, or 2 next to a run that has 1. */
  readonly slot: number;
  readonly startMs: number;
  /** Resolves with whether it serves: false if it ended before. */
  readonly serves: Promise<boolean>;
  /** Whether its end is wanted. */
  isEnding: boolean;
  isServing: boolean;
  /** Its last lines that are not JSON: why it cannot start. */
  readonly printed: string[];
}

/** Supervises one process of a split mesh. */
export function supervise(plan: PlannedProcess, options: SupervisedOptions): SupervisedProcess {
  const { launch, output, overlaps = false, settleMs = 0, drainTimeoutMs, startTimeoutMs = 60_000 } = options;
  const { name } = plan;
  const runs = new Set<Run>();
  const stopping = new AbortController();
  let current: Run | undefined;
  let address: string | undefined;
  let httpAddress: string | undefined;
  let failures = 0;

  function begin(): Run {
    const slot = [...runs].some((run) => run.slot === 1) ? 2 : 1;
    const launched = launch(overlaps ? inSlot(plan, slot) : plan);
    const serving = Promise.withResolvers<boolean>();
    const run: Run = {
      launched,
      slot,
      startMs: performance.now(),
      serves: serving.promise,
      isEnding: false,
      isServing: false,
      printed: [],
    };
    runs.add(run);
    createInterface({ input: launched.stdout }).on('line', async (line) => {
      const [, ready, http] = /^ready grpc=(\S+)(?: http=(\S+))?/.exec(line) ?? [];
      if (ready === undefined) return output.line(name, line);
      // What it logged before is in the other pipe: the next turn reads it.
      await nextTurn();
      if (!runs.has(run)) return;
      address = ready;
      httpAddress = http;
      run.isServing = true;
      serving.resolve(true);
    });
    createInterface({ input: launched.stderr }).on('line', (line) => {
      if (!line.startsWith('{')) run.printed.push(line);
      if (run.printed.length > keptLines) run.printed.shift();
      output.line(name, line);
    });
    void launched.ended.then(() => {
      run.isServing = false;
      runs.delete(run);
      serving.resolve(false);
    });
    return run;
  }

  /** Starts it, with pauses, until it serves. Resolves with whether it does: false if it is no longer wanted. */
  async function serve(until = stopping.signal): Promise<boolean> {
    while (!until.aborted) {
      const run = begin();
      current = run;
      if (await run.serves) {
        void run.launched.ended.then((ending) => restart(run, ending));
        return true;
      }
      const ending = await run.launched.ended;
      if (run.isEnding) return false;
      if (ending.code === exitCannotStart && address === undefined) throw new CannotStart(name, run.printed.join('\n'));
      await pauseAfter(run, ending);
    }
    return false;
  }

  /** Starts it again after an end that nobody wanted. */
  async function restart(run: Run, ending: Ending): Promise<void> {
    if (run.isEnding) return;
    if (run !== current)
      return output.log(
        'warn',
        `${name} ended with ${describeEnding(ending)} while it was replaced: its successor starts`,
      );
    await pauseAfter(run, ending);
    await serve();
  }

  async function pauseAfter(run: Run, ending: Ending): Promise<void> {
    if (performance.now() - run.startMs >= steadyMs) failures = 0;
    const delayMs = Math.min(firstDelayMs * 2 ** failures, maxDelayMs);
    failures += 1;
    output.log('warn', `${name} ended with ${describeEnding(ending)}: starting it again in ${delayMs / 1_000} s`);
    await sleep(delayMs, undefined, { signal: stopping.signal }).catch(() => undefined);
  }

  /** Ends a run. Of several timeouts the first one counts. Returns what went wrong. */
  async function end(run: Run, timeoutMs: number): Promise<string | undefined> {
    // A second signal would cut off what it drains.
    if (!run.isEnding) run.launched.signal('SIGTERM');
    run.isEnding = true;
    const late = setTimeout(() => {
      output.log('error', `${name} did not end in ${timeoutMs / 1_000} s: killing it`);
      run.launched.signal('SIGKILL');
    }, timeoutMs);
    const ending = await run.launched.ended;
    clearTimeout(late);
    // SIGTERM itself ends only a process that does not listen to signals yet, and has opened nothing.
    const isClean = ending.code === 0 || ending.signal === 'SIGTERM';
    return isClean ? undefined : `${name} ended with ${describeEnding(ending)}`;
  }

  function kill(run: Run): void {
    run.isEnding = true;
    run.launched.signal('SIGKILL');
  }

  /** Starts a new one. If it serves too late and there is an old one, that stays, or is started again if it has ended. */
  async function startNew(old?: Run): Promise<void> {
    const giveUp = new AbortController();
    const late = sleep(startTimeoutMs, 'late', { ref: false });
    const outcome = await Promise.race([serve(AbortSignal.any([stopping.signal, giveUp.signal])), late]);
    if (outcome !== 'late') return;
    if (old !== undefined) {
      giveUp.abort();
      for (const run of runs) if (run !== old) kill(run);
      current = old;
      if (!runs.has(old)) void serve();
    }
    throw new Error(`${name} does not serve ${startTimeoutMs / 1_000} s after its start: see the log`);
  }

  return {
    plan,
    pids: () => [...runs].flatMap(({ launched }) => launched.pid ?? []),
    address: () => address,
    httpAddress: () => httpAddress,
    start: async () => void (await serve()),
    async replace() {
      const old = current;
      if (!old?.isServing) throw new Error(`${name} is not serving: wait until it serves`);
      if (overlaps) {
        await startNew(old);
        await sleep(settleMs);
      }
      const problem = await end(old, drainTimeoutMs);
      if (problem !== undefined) output.log('warn', problem);
      if (!overlaps) await startNew();
      if (stopping.signal.aborted) throw new Error(`${name} was stopped while it was replaced`);
    },
    async stop(timeoutMs) {
      stopping.abort();
      const problems = await Promise.all([...runs].map((run) => end(run, timeoutMs)));
      return problems.find((problem) => problem !== undefined);
    },
    kill() {
      stopping.abort();
      for (const run of runs) kill(run);
    },
  };
}

/** Two processes cannot share a data folder, nor an address unless they are gateways. */
function inSlot(plan: PlannedProcess, slot: number): PlannedProcess {
  const folder = `${plan.environment.DATA_DIR}.${slot}`;
  const differing = slot === 1 ? {} : plan.successor;
  return { ...plan, environment: { ...plan.environment, ...differing, DATA_DIR: folder } };
}

/** Resolves when what was readable by now has been read. */
async function nextTurn(): Promise<void> {
  await setImmediate();
  await setImmediate();
}

function describeEnding({ code, signal }: Ending): string {
  return signal ?? `exit code ${code}`;
}
