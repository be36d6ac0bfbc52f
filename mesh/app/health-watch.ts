import { fullNameOf } from '../contract/full-name.ts';
import type { Health } from '../server/health/health.ts';
import type { ServedContract } from '../server/serve.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { createProbe, type ProbeOptions } from '../telemetry/probe.ts';
import type { Service } from './service.ts';

const intervalMs = 5_000;
const timeoutMs = 5_000;

/** Whether something works, asked anew each time. */
type Question = () => Promise<boolean>;

/**
 * Asks every service whether it can do its work, now and every 5 s, and shows the answers as the health of what it
 * serves; the server as a whole serves while all of them do. A contract with a check of its own serves while both
 * checks pass, and its own is shown nowhere else. What does not answer within 5 s fails. Resolves once each has been
 * asked, with how to end that.
 */
export async function watchServices(
  services: readonly Service[],
  health: Health,
  clock: Clock,
  logger: Logger,
): Promise<() => void> {
  let cancel: (() => void) | undefined;
  let ended = false;
  const show = (name: string, works: boolean) => {
    if (!ended) health.set(name, works ? 'SERVING' : 'NOT_SERVING');
  };
  const watched = services.map((service) => ({
    works: serviceQuestion(service, clock, logger),
    contracts: service.serves.map((served) => ({
      name: fullNameOf(served.contract),
      works: contractQuestion(served, clock, logger),
    })),
  }));

  const round = async () => {
    const asked = watched.map(({ works, contracts }) => ({ answer: works(), contracts }));
    const shown = asked.flatMap(({ answer, contracts }) =>
      contracts.map(async ({ name, works }) => show(name, (await Promise.all([answer, works()])).every(Boolean))),
    );
    const answers = await Promise.all(asked.map(({ answer }) => answer));
    show('', answers.every(Boolean));
    await Promise.all(shown);
    if (!ended) cancel = clock.after(intervalMs, () => void round());
  };

  await round();
  return () => {
    ended = true;
    cancel?.();
  };
}

function serviceQuestion(service: Service, clock: Clock, logger: Logger): Question {
  const { name } = service;
  return question(() => service.check?.(), {
    clock,
    onFailure: (error) => logger.error({ err: error, service: name }, 'service cannot do its work'),
    onRecovery: () => logger.info({ service: name }, 'service works again'),
  });
}

function contractQuestion(served: ServedContract, clock: Clock, logger: Logger): Question {
  const contract = fullNameOf(served.contract);
  return question(() => served.check?.(), {
    clock,
    onFailure: (error) => logger.warn({ err: error, contract }, 'contract cannot be served'),
    onRecovery: () => logger.info({ contract }, 'contract can be served again'),
  });
}

function question(check: () => Promise<void> | undefined, options: Omit<ProbeOptions, 'timeoutMs'>): Question {
  const probe = createProbe(
    async () => {
      await check();
      return true;
    },
    { ...options, timeoutMs },
  );
  return async () => (await probe()) ?? false;
}
