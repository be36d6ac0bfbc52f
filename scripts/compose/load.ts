import { setTimeout as sleep } from 'node:timers/promises';
import { readAccess } from '../../examples/support/access.ts';
import { connect } from '../../examples/support/mesh.ts';
import { createClients } from '../../mesh/app/program-clients.ts';
import { prepareData } from '../load/prepare.ts';
import { type Caller, type Counts, startReads } from '../rolling/callers.ts';
import { connectShop, startOrders } from '../rolling/orders.ts';
import { restartUnderLoad } from '../rolling/phases.ts';
import { createReads } from '../rolling/reads.ts';
import { connectRest, startRestOrders, startRestReads } from '../rolling/rest.ts';
import { isCompleted } from '../support/order-faults.ts';

/** What callers of the published ports saw while containers were replaced. */
export interface LoadResult {
  /** By service and caller. */
  readonly phases: readonly { readonly service: string; readonly calls: ReadonlyMap<string, Counts> }[];
  readonly errors: ReadonlyMap<string, readonly string[]>;
  readonly placed: number;
  /** Ids of orders that were accepted and have not completed. */
  readonly unfinished: readonly string[];
}

export interface LoadOptions {
  /** `host:port` of gRPC. */
  readonly address: string;
  /** `host:port` of HTTP. */
  readonly httpAddress: string;
  readonly services: readonly string[];
  readonly replace: (service: string) => Promise<void>;
  readonly say: (line: string) => void;
}

const ordersPerSecond = 1;
const settleMs = 120_000;

/** Calls all services by gRPC and REST, and places orders, while `replace` replaces the services one after another. */
export async function replaceUnderLoad(options: LoadOptions): Promise<LoadResult> {
  const { address, httpAddress, services, replace, say } = options;
  const access = readAccess({ DATA_DIR: 'none' }, address);
  const prepared = connect(address, access);
  await prepareData(prepared, say).finally(() => prepared.close());
  const clients = await createClients(address, { logLevel: 'silent' });
  const rest = connectRest(httpAddress, access);
  try {
    const shop = connectShop(clients);
    const reads = createReads(clients).map(({ call }) => call);
    const orders = [
      startOrders('orders, gRPC', (order) => shop.orders.placeOrder(order), ordersPerSecond),
      startRestOrders(rest, ordersPerSecond),
    ];
    const callers: readonly Caller[] = [startReads('reads, gRPC', reads), await startRestReads(rest), ...orders];
    const { phases, errors } = await restartUnderLoad(callers, replace, { services, quietMs: 3_000, say });
    const ids = orders.flatMap((caller) => caller.placed().ids);
    return { phases, errors, placed: ids.length, unfinished: await unfinishedOf(shop, ids) };
  } finally {
    clients.close();
    rest.close();
  }
}

/** Waits until the orders have completed. Returns those that have not. */
async function unfinishedOf(
  { orders }: ReturnType<typeof connectShop>,
  ids: readonly string[],
): Promise<readonly string[]> {
  const lateMs = Date.now() + settleMs;
  for (;;) {
    const listed = await Array.fromAsync(orders.listOrders({}));
    const completed = new Set(listed.filter(isCompleted).map(({ id }) => id));
    const others = ids.filter((id) => !completed.has(id));
    if (others.length === 0 || Date.now() > lateMs) return others;
    await sleep(1_000);
  }
}
