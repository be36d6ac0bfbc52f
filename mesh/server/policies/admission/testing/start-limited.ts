import { createChannel, createClientFactory } from 'nice-grpc';
import { onTestFinished } from 'vitest';
import { HealthDefinition } from '../../../../../gen/ts/grpc/health/v1/health.ts';
import { User } from '../../../../../gen/ts/user/v1/user.ts';
import { type EngineName, engineByName } from '../../../../engines/engines.ts';
import type { Metrics } from '../../../../metrics/metrics.ts';
import { systemClock } from '../../../../time/clock.ts';
import { createHealth } from '../../../health/health.ts';
import { EchoDefinition, type EchoHandlers, echoService } from '../../../testing/echo-service.ts';
import { serveForTest } from '../../../testing/serve-echo.ts';
import { type AdmissionPolicy, type FixedLimits, fixedLimits } from '../policy.ts';
import type { ProcessLimits } from '../process-load.ts';

/** Starts the echo service with limits until the test ends. */
export async function startLimited(
  engineName: EngineName,
  handlers: Partial<EchoHandlers>,
  limits: FixedLimits | AdmissionPolicy,
  process: ProcessLimits = {},
  metrics?: Metrics,
) {
  const policy = 'hasSlot' in limits ? limits : fixedLimits(limits);
  const served = await serveForTest({
    engine: await engineByName(engineName),
    serves: [echoService(handlers)],
    health: createHealth(systemClock),
    admission: () => policy,
    process,
    ...(metrics && { metrics }),
  });
  onTestFinished(() => served.server.drain(0));
  /** Creates clients with their own connection. */
  const connect = () => {
    const channel = createChannel(served.address, undefined, { 'grpc.use_local_subchannel_pool': 1 });
    onTestFinished(() => channel.close());
    const factory = createClientFactory();
    return { calls: factory.create(EchoDefinition, channel), health: factory.create(HealthDefinition, channel) };
  };
  return { ...served, connect };
}

/** Unary handlers that run until the test lets them return, even if their calls have ended. */
export function heldHandlers() {
  const begun: string[] = [];
  const returns: (() => void)[] = [];
  const one: EchoHandlers['one'] = (request) => {
    begun.push(request.name);
    return new Promise((resolve) => returns.push(() => resolve(request)));
  };
  return {
    one,
    begun,
    returnOne: () => returns.shift()?.(),
    returnAll() {
      for (const end of returns.splice(0)) end();
    },
  };
}

/** A user with this name. */
export const named = (name: string) => User.fromPartial({ name });

export const ada = User.fromPartial({ id: 'u1', name: 'Ada' });
