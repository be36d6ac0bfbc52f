import { connect } from '../../examples/support/mesh.ts';
import { createClients } from '../../mesh/app/program-clients.ts';
import { prepareData } from '../load/prepare.ts';
import { startAll, startGhz, startGrpcGo, startGrpcio, startOwnClient } from './callers.ts';
import { type Effects, type LiveShipments, readBefore, readEffects } from './effects.ts';
import { connectShop, startOrders } from './orders.ts';
import { type RestartOptions, restartUnderLoad, type SeenByPhase } from './phases.ts';
import { createReads } from './reads.ts';
import type { SplitMesh } from './split-mesh.ts';

/** What a rolling restart did to callers and orders. */
export interface RollingResult extends SeenByPhase {
  readonly effects: Effects;
}

export interface RollingOptions extends RestartOptions {
  readonly ordersPerSecond: number;
  readonly ghzCallsPerSecond: number;
  /** Reads them from the carrier of the mesh. */
  readonly liveShipments: LiveShipments;
}

/** Restarts services one after another under load, through the gateway. */
export async function verifyRolling(mesh: SplitMesh, options: RollingOptions): Promise<RollingResult> {
  const { ordersPerSecond, ghzCallsPerSecond, say, signal } = options;
  const { address } = mesh;
  const prepared = connect(address);
  await prepareData(prepared, say).finally(() => prepared.close());
  const clients = await createClients(address, { logLevel: 'silent' });
  const close = () => clients.close();
  signal?.addEventListener('abort', close);
  try {
    signal?.throwIfAborted();
    const shop = connectShop(clients);
    const reads = createReads(clients);
    const before = await readBefore(shop, signal);
    const programs = await startAll([
      startGhz('read', address, ghzCallsPerSecond),
      startGrpcGo(address, reads),
      startGrpcio(address, reads),
    ]);
    const orders = startOrders(shop, ordersPerSecond);
    const callers = [...programs, startOwnClient(reads), orders];
    const seen = await restartUnderLoad(callers, mesh.restart, options);
    const effects = await readEffects(shop, options.liveShipments, orders.placed(), before, signal);
    return { ...seen, effects };
  } finally {
    signal?.removeEventListener('abort', close);
    close();
  }
}

/** Whether no call failed and nothing was lost or doubled. Every caller must have made calls during every phase. */
export function isClean({ phases, effects }: RollingResult): boolean {
  const { lost, doubled, deadLetters, findings } = effects;
  const isAnswered = [...(phases[0]?.calls.keys() ?? [])].every((caller) => {
    const counts = phases.map(({ calls }) => calls.get(caller) ?? { calls: 0, failed: 0 });
    return counts.every(({ calls, failed }) => calls > 0 && failed === 0);
  });
  return isAnswered && [lost, doubled, deadLetters, findings].every(({ length }) => length === 0);
}
