import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../examples/support/mesh.ts';
import { endpointsByAddress } from '../../mesh/balancing/endpoint-source.ts';
import { createClientFactory } from '../../mesh/client/client-factory.ts';
import { engineByName } from '../../mesh/engines/engines.ts';
import { createLogger } from '../../mesh/telemetry/logger.ts';
import { systemClock } from '../../mesh/time/clock.ts';
import { prepareData } from '../load/prepare.ts';
import { type Counts, type Seen, startGhz, startGrpcGo, startGrpcio, startOwnClient } from './callers.ts';
import { type Effects, readBefore, readEffects } from './effects.ts';
import { connectShop, startOrders } from './orders.ts';
import { createReads } from './reads.ts';
import type { SplitMesh } from './split-mesh.ts';

/** The calls while the processes of one service were replaced. */
export interface Phase {
  readonly service: string;
  readonly seconds: number;
  /** By the name of the caller. */
  readonly calls: ReadonlyMap<string, Counts>;
}

/** What a rolling restart did to callers and orders. */
export interface RollingResult {
  readonly phases: readonly Phase[];
  readonly effects: Effects;
  /** The texts of failed calls, by caller. */
  readonly errors: ReadonlyMap<string, readonly string[]>;
}

export interface RollingOptions {
  /** The services to restart, in this order. */
  readonly services: readonly string[];
  readonly ordersPerSecond: number;
  readonly ghzCallsPerSecond: number;
  /** How long callers run before the first restart and after each one. */
  readonly quietMs: number;
  readonly say: (line: string) => void;
}

/** Restarts services one after another under load, through the door. */
export async function verifyRolling(mesh: SplitMesh, options: RollingOptions): Promise<RollingResult> {
  const { services, ordersPerSecond, ghzCallsPerSecond, quietMs, say } = options;
  const { address } = mesh;
  const prepared = connect(address);
  await prepareData(prepared, say).finally(() => prepared.close());
  const clients = createClientFactory({
    endpoints: endpointsByAddress(await engineByName('native'), () => address),
    clock: systemClock,
    logger: createLogger('silent'),
  });
  try {
    const shop = connectShop(clients);
    const reads = createReads(clients);
    const before = await readBefore(shop);
    const orders = startOrders(shop, ordersPerSecond);
    const callers = [
      await startGhz('read', address, ghzCallsPerSecond),
      startGrpcGo(address, reads),
      startGrpcio(address, reads),
      startOwnClient(reads),
      orders,
    ];
    const spans: { service: string; fromMs: number; toMs: number }[] = [];
    let fromMs = Date.now();
    const endPhase = (service: string) => {
      const toMs = Date.now();
      spans.push({ service, fromMs, toMs });
      fromMs = toMs;
    };
    await sleep(quietMs);
    endPhase('none');
    for (const service of services) {
      await mesh.restart(service);
      await sleep(quietMs);
      endPhase(service);
      say(`restarted ${service}`);
    }
    const seen = new Map<string, Seen>();
    for (const caller of callers) seen.set(caller.name, await caller.end());
    const phases = spans.map(({ service, fromMs, toMs }) => ({
      service,
      seconds: (toMs - fromMs) / 1_000,
      calls: new Map([...seen].map(([name, { between }]) => [name, between(fromMs, toMs)])),
    }));
    const effects = await readEffects(shop, orders.placed, before);
    return { phases, effects, errors: new Map([...seen].map(([name, { errors }]) => [name, errors])) };
  } finally {
    clients.close();
  }
}

/** Whether no call failed and nothing was lost or doubled. Every caller must have made calls. */
export function isClean({ phases, effects }: RollingResult): boolean {
  const { lost, doubled, deadLetters, findings } = effects;
  const isAnswered = [...(phases[0]?.calls.keys() ?? [])].every((caller) => {
    const counts = phases.map(({ calls }) => calls.get(caller));
    return counts.some((count) => count?.calls) && counts.every((count) => count?.failed === 0);
  });
  return isAnswered && [lost, doubled, deadLetters, findings].every(({ length }) => length === 0);
}
