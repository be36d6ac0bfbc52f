import { messageOf } from '../errors/error-text.ts';
import { MeshError } from '../errors/mesh-error.ts';
import type { HealthProblem } from '../server/health/health.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import { within } from '../time/within.ts';

const timeoutMs = 5_000;

/** Asks whether something works; resolves with what is wrong, or `undefined`. One question at a time. */
export type HealthCheck = () => Promise<HealthProblem | undefined>;

export interface HealthCheckOptions {
  /** What is asked: `order`, `ordermesh.tasks`, `report.v1.OrderReportService`. */
  readonly name: string;
  /** Rejects with what is wrong. What does not answer within 5 s fails. */
  readonly ask: () => Promise<void> | undefined;
  /** How a failure is logged. */
  readonly level: 'error' | 'warn';
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Makes a check that logs once that it begins to fail, once each other reason for it, and once that it passes again. */
export function createHealthCheck({ name, ask, level, clock, logger }: HealthCheckOptions): HealthCheck {
  let last: HealthProblem | undefined;
  return async () => {
    try {
      await within(ask() ?? Promise.resolve(), timeoutMs, clock);
      if (last) logger.info({ check: name }, 'the check passes again');
      last = undefined;
    } catch (error) {
      const problem = problemOf(name, error);
      if (last?.reason !== problem.reason) logger[level]({ err: error, check: name }, 'a health check fails');
      last = problem;
    }
    return last;
  };
}

function problemOf(check: string, error: unknown): HealthProblem {
  const message = messageOf(error);
  return { check, reason: error instanceof MeshError ? error.reason : '', message };
}
