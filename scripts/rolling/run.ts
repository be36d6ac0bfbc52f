import { readAccess } from '../../examples/support/access.ts';
import { connect } from '../../examples/support/mesh.ts';
import { createClients } from '../../mesh/app/program-clients.ts';
import { prepareData } from '../load/prepare.ts';
import { type AccessSettings, startAll, startGhz, startGrpcGo, startGrpcio, startReads } from './callers.ts';
import { type Effects, type LiveShipments, type Placed, readBefore, readEffects } from './effects.ts';
import { connectShop, startOrders } from './orders.ts';
import { type RestartOptions, restartUnderLoad, type SeenByPhase } from './phases.ts';
import { createReads } from './reads.ts';
import { connectRest, startRestOrders, startRestReads } from './rest.ts';
import type { SplitMesh } from './split-mesh.ts';

/** What a rolling restart did to callers and orders. */
export interface RollingResult extends SeenByPhase {
  readonly effects: Effects;
}

export interface RollingOptions extends RestartOptions {
  /** Half of them by gRPC, half over REST. */
  readonly ordersPerSecond: number;
  readonly ghzCallsPerSecond: number;
  /** Default: without TLS and without a token. */
  readonly access?: AccessSettings;
  /** Reads them from the carrier of the mesh. */
  readonly liveShipments: LiveShipments;
}

/** Restarts services one after another under load, through both ports of the gateway. */
export async function verifyRolling(mesh: SplitMesh, options: RollingOptions): Promise<RollingResult> {
  const { ordersPerSecond, ghzCallsPerSecond, say, signal } = options;
  const { address, httpAddress } = mesh;
  const settings = options.access ?? {};
  const access = readAccess({ DATA_DIR: 'none', ...settings }, address);
  const prepared = connect(address, access);
  await prepareData(prepared, say).finally(() => prepared.close());
  const clients = await createClients(address, { ...access, reason: 'rolling restart under load', logLevel: 'silent' });
  const rest = connectRest(httpAddress, access);
  const close = () => {
    clients.close();
    rest.close();
  };
  signal?.addEventListener('abort', close);
  try {
    signal?.throwIfAborted();
    const shop = connectShop(clients);
    const reads = createReads(clients);
    const before = await readBefore(shop, signal);
    const readers = await startAll([
      startGhz('read', address, ghzCallsPerSecond, settings),
      startGrpcGo(address, reads, settings),
      startGrpcio(address, reads, settings),
      startRestReads(rest),
    ]);
    const own = startReads(
      'our client',
      reads.map(({ call }) => call),
    );
    const orders = [
      startOrders('our orders', (order) => shop.orders.placeOrder(order), ordersPerSecond / 2),
      startRestOrders(rest, ordersPerSecond / 2),
    ];
    const callers = [...readers, own, ...orders];
    const seen = await restartUnderLoad(callers, mesh.restart, options);
    const placed = orders.map((caller) => caller.placed());
    const effects = await readEffects(shop, options.liveShipments, joinPlaced(placed), before, signal);
    return { ...seen, effects };
  } finally {
    signal?.removeEventListener('abort', close);
    close();
  }
}

function joinPlaced(placed: readonly Placed[]): Placed {
  return {
    ids: placed.flatMap(({ ids }) => ids),
    failedCalls: placed.reduce((sum, { failedCalls }) => sum + failedCalls, 0),
  };
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
