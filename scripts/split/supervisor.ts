import { setTimeout as sleep } from 'node:timers/promises';
import { createLaunches, type Launches } from './launch.ts';
import type { Output } from './output.ts';
import { discoveryNameOf, inDrainOrder, type PlannedProcess } from './plan.ts';
import { type SupervisedProcess, supervise } from './supervised.ts';

/** The processes of a split mesh. */
export interface Supervisor {
  readonly processes: readonly SupervisedProcess[];
  /** Starts all, and resolves when all serve. Rejects with a `CannotStart` if one of them cannot. */
  start(): Promise<void>;
  /** Replaces the processes of these names, of these services, or `all`, one after another; none if a name is unknown. */
  restart(names: readonly string[], say: (line: string) => void): Promise<void>;
  /** Ends all in the order of the waves. Resolves with what went wrong. */
  stop(): Promise<readonly string[]>;
  /** Ends all with SIGKILL. */
  kill(): void;
}

export interface SupervisorOptions {
  readonly plan: readonly PlannedProcess[];
  /** The service that is the gateway. Its instances share a socket, so a new one can listen next to the old one. */
  readonly gateway: string | undefined;
  /** Default: those of the services. */
  readonly launches?: Launches;
  readonly output: Output;
  /** `DRAIN_TIMEOUT_MS`. */
  readonly drainTimeoutMs: number;
  /** By how much a process may exceed it before it is killed. Default: 5 s, 2 s more than a process takes by itself. */
  readonly drainSlackMs?: number;
  /** How often `stop` logs which processes it waits for. Default: 5 s. */
  readonly reportEveryMs?: number;
  /** How long a process may take to serve when it is replaced. Default: 60 s. */
  readonly startTimeoutMs?: number;
  /** How long callers get to notice a new process before the next one is replaced. Default: 1 s. */
  readonly settleMs?: number;
}

/** How many processes start at a time. */
const concurrentStarts = 10;

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { plan, gateway, output, startTimeoutMs, launches = createLaunches() } = options;
  const { drainSlackMs = 5_000, reportEveryMs = 5_000, settleMs = 1_000 } = options;
  const drainTimeoutMs = options.drainTimeoutMs + drainSlackMs;
  const processes = plan.map((planned) => {
    const isGateway = planned.service === gateway;
    const launch = isGateway ? launches.gateway : launches.service;
    const isFoundElsewhere = planned.successor !== undefined;
    const overlap = { overlaps: isGateway || isFoundElsewhere, settleMs: isFoundElsewhere ? settleMs : 0 };
    return supervise(planned, {
      launch,
      ...overlap,
      output,
      drainTimeoutMs,
      ...(startTimeoutMs && { startTimeoutMs }),
    });
  });
  const waves = inDrainOrder(processes.map((process) => ({ service: process.plan.service, process })));
  let isStopping = false;
  let restarting: Promise<void> = Promise.resolve();

  async function restart(names: readonly string[], say: (line: string) => void): Promise<void> {
    const isNamed = ({ plan }: SupervisedProcess, name: string) =>
      ['all', plan.name, plan.service, discoveryNameOf(plan.service)].includes(name);
    const chosen = processes.filter((process) => names.some((name) => isNamed(process, name)));
    for (const name of names) {
      if (chosen.some((process) => isNamed(process, name))) continue;
      const known = [...new Set(processes.flatMap(({ plan }) => [plan.service, plan.name]))];
      throw new Error(`${name} is neither a service nor a process: use all, ${known.join(', ')}`);
    }
    for (const [index, process] of chosen.entries()) {
      if (index > 0) await sleep(settleMs);
      if (isStopping) throw new Error('the split mesh is stopping');
      const startMs = performance.now();
      await process.replace();
      say(`${process.plan.name} serves again after ${((performance.now() - startMs) / 1_000).toFixed(1)} s`);
    }
  }

  return {
    processes,
    async start() {
      // Those that others call come first, the gateways last: who reaches a gateway reaches everything.
      for (const wave of waves.toReversed()) {
        await inParallel(wave, concurrentStarts, async ({ process }) => {
          if (!isStopping) await process.start();
        });
      }
    },
    restart(names, say) {
      // Two at a time could take away both instances of a service.
      const started = restarting.then(() => restart(names, say));
      restarting = started.catch(() => undefined);
      return started;
    },
    async stop() {
      isStopping = true;
      const problems: (string | undefined)[] = [];
      const running = new Set<string>();
      const report = setInterval(() => output.log('info', `waiting for ${[...running].join(', ')}`), reportEveryMs);
      for (const wave of waves) {
        const ending = wave.map(async ({ process }) => {
          running.add(process.plan.name);
          problems.push(await process.stop(drainTimeoutMs));
          running.delete(process.plan.name);
        });
        await Promise.all(ending);
      }
      clearInterval(report);
      return problems.filter((problem) => problem !== undefined);
    },
    kill() {
      isStopping = true;
      for (const process of processes) process.kill();
    },
  };
}

async function inParallel<T>(items: readonly T[], limit: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: limit }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}
