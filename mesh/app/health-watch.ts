import { fullNameOf } from '../contract/contract.ts';
import { messageOf } from '../errors/error-text.ts';
import { MeshError } from '../errors/mesh-error.ts';
import type { EventLog } from '../events/log/event-log.ts';
import type { Health, HealthProblem } from '../server/health/health.ts';
import { eventsName, tasksName } from '../server/health/names.ts';
import type { TaskQueue } from '../tasks/task-queue.ts';
import { logFailedAttempt, logRecovery } from '../telemetry/log-failed-attempt.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import { within } from '../time/within.ts';
import type { Service } from './service/service.ts';

const intervalMs = 5_000;
const timeoutMs = 5_000;

/** The brokers that the services of a process share. */
export interface Brokers {
  readonly events: Pick<EventLog, 'check' | 'checkPartitions'>;
  readonly tasks: Pick<TaskQueue, 'check'>;
}

export interface HealthWatchOptions {
  readonly services: readonly Service[];
  /** `undefined`: the process uses none. */
  readonly brokers: Brokers | undefined;
  readonly health: Pick<Health, 'show'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Checks what a process depends on, now and every 5 s, each thing once, and shows the result under every health name that
 * depends on it: `''` on the checks of all services; a contract on its service, the brokers that the service needs, and its
 * own check. Resolves after the first round with a function that ends the watch.
 */
export async function watchHealth(options: HealthWatchOptions): Promise<() => void> {
  const { health, clock } = options;
  const names = checksByName(options);
  let cancel: (() => void) | undefined;
  let ended = false;

  const round = async () => {
    const answers = new Map<HealthCheck, Promise<HealthProblem | undefined>>();
    const answerOf = (check: HealthCheck) => {
      const answer = answers.get(check) ?? check();
      answers.set(check, answer);
      return answer;
    };
    const shown = [...names].map(async ([name, checks]) => {
      const problems = await Promise.all(checks.map(answerOf));
      if (!ended)
        health.show(
          name,
          problems.filter((problem) => problem !== undefined),
        );
    });
    await Promise.all(shown);
    if (!ended) cancel = clock.after(intervalMs, () => void round());
  };

  await round();
  return () => {
    ended = true;
    cancel?.();
  };
}

/** The checks that each health name depends on. */
function checksByName({ services, brokers, clock, logger }: HealthWatchOptions): Map<string, HealthCheck[]> {
  const checkOf = (name: string, ask: () => Promise<void> | undefined, level: 'error' | 'warn' = 'error') =>
    createHealthCheck({ name, ask, level, clock, logger });
  const ofBroker = {
    events: checkOf(eventsName, () => brokers?.events.check()),
    tasks: checkOf(tasksName, () => brokers?.tasks.check()),
  };
  // A damaged partition concerns its readers, whose consumers report it, and not everyone who needs the log.
  const partitions = checkOf(eventsName, () => brokers?.events.checkPartitions());
  const names = new Map<string, HealthCheck[]>();
  const whole: HealthCheck[] = [];
  for (const service of services) {
    const own = service.check ? [checkOf(service.name, () => service.check?.())] : [];
    const needed = (service.needs ?? []).map((broker) => ofBroker[broker]);
    whole.push(...own);
    for (const served of service.serves) {
      const name = fullNameOf(served.contract);
      names.set(name, [...own, ...needed, ...(served.check ? [checkOf(name, () => served.check?.(), 'warn')] : [])]);
    }
  }
  names.set('', whole);
  if (brokers === undefined) return names;
  return names.set(eventsName, [ofBroker.events, partitions]).set(tasksName, [ofBroker.tasks]);
}

/** Checks something; resolves with what is wrong, or `undefined`. Not for concurrent use. */
type HealthCheck = () => Promise<HealthProblem | undefined>;

interface HealthCheckOptions {
  /** What is checked: `order`, `ordermesh.tasks`, `report.v1.OrderReportService`. */
  readonly name: string;
  /** Rejects with what is wrong. The check fails if it does not answer within 5 s. */
  readonly ask: () => Promise<void> | undefined;
  /** How a failure is logged. */
  readonly level: 'error' | 'warn';
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Creates a check that logs when it begins to fail, when the reason changes, and when it passes again. */
function createHealthCheck({ name, ask, level, clock, logger }: HealthCheckOptions): HealthCheck {
  let last: HealthProblem | undefined;
  let lastError: unknown;
  let failures = 0;
  return async () => {
    try {
      await within(ask() ?? Promise.resolve(), timeoutMs, clock);
      if (last) logRecovery({ logger, clock }, { err: lastError, check: name }, 'health check passes again');
      last = undefined;
    } catch (error) {
      const problem = problemOf(name, error);
      failures = last?.reason === problem.reason ? failures + 1 : 1;
      logFailedAttempt({ logger, clock, level, failures }, { err: error, check: name }, 'health check fails');
      last = problem;
      lastError = error;
    }
    return last;
  };
}

function problemOf(check: string, error: unknown): HealthProblem {
  const message = messageOf(error);
  return { check, reason: error instanceof MeshError ? error.reason : '', message };
}
