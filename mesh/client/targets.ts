import { EventEmitter } from 'node:events';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import { type Breaker, createBreaker } from './policies/breaker.ts';
import { createRetryBudget, type RetryBudget } from './policies/retry-budget.ts';

/** Methods that fail for the same causes: those that read, and those that change something. */
export type MethodGroup = 'queries' | 'commands';

/** What all clients of one service share: what they learnt of its health. */
export interface Target {
  readonly budget: RetryBudget;
  readonly breakers: Readonly<Record<MethodGroup, Breaker>>;
}

/** The targets of a process, by the full name of their service. */
export interface Targets {
  get(service: string): Target;
  close(): void;
}

export interface TargetsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
}

const rotateMs = 1_000;

/** No targets yet; each is made when first asked for. */
export function createTargets({ clock, logger }: TargetsOptions): Targets {
  const targets = new Map<string, Target>();
  const rotation = new EventEmitter().setMaxListeners(0);
  let stopRotation: () => void;
  const rotate = () => {
    rotation.emit('rotate');
    stopRotation = clock.after(rotateMs, rotate);
  };
  stopRotation = clock.after(rotateMs, rotate);

  const breaker = (service: string, group: MethodGroup) =>
    createBreaker({ target: `${service} ${group}`, clock, logger, rotation });
  return {
    get(service) {
      const known = targets.get(service);
      if (known) return known;
      const breakers = { queries: breaker(service, 'queries'), commands: breaker(service, 'commands') };
      const target = { budget: createRetryBudget(), breakers };
      targets.set(service, target);
      return target;
    },
    close: () => stopRotation(),
  };
}
