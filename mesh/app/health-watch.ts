import { fullNameOf } from '../contract/contract.ts';
import type { EventLog } from '../events/log/event-log.ts';
import type { Health, HealthProblem } from '../server/health/health.ts';
import { eventsName, tasksName } from '../server/health/names.ts';
import type { TaskQueue } from '../tasks/task-queue.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import { createHealthCheck, type HealthCheck } from './health-check.ts';
import type { Service } from './service.ts';

const intervalMs = 5_000;

/** What the services of a process depend on together. */
export interface Brokers {
  readonly events: Pick<EventLog, 'check' | 'checkPartitions'>;
  readonly tasks: Pick<TaskQueue, 'check'>;
}

export interface HealthWatchOptions {
  readonly services: readonly Service[];
  readonly brokers: Brokers;
  readonly health: Pick<Health, 'show'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Checks now and every 5 s what a process depends on, each thing once, and shows the outcome under every name that needs it:
 * `''` on what all services check, a contract on its service, on the brokers that this needs, and on a check of its
 * own. Resolves once each has been checked, with how to end that.
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
    events: checkOf(eventsName, () => brokers.events.check()),
    tasks: checkOf(tasksName, () => brokers.tasks.check()),
  };
  // One that is damaged concerns those who read it, whose consumers say so, and not all who need the log.
  const partitions = checkOf(eventsName, () => brokers.events.checkPartitions());
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
  return names.set('', whole).set(eventsName, [ofBroker.events, partitions]).set(tasksName, [ofBroker.tasks]);
}
