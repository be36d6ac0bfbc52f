import { join } from 'node:path';
import { type IdleWait, loadMigrations, openStorage, type Storage } from '#mesh';
import {
  type CapturedLog,
  captureLog,
  createTestClock,
  type TempFolder,
  type TestClock,
  tempFolder,
} from '#mesh/testing';
import { newOrder, type Order, type OrderState } from '../order.ts';
import { createOrderChanges, type OrderChanges } from '../order-changes.ts';
import { insertOrder, updateOrder } from '../store.ts';
import { watchOrder } from '../watch-order.ts';

const shippingAddress = { recipient: 'Ada', lines: ['1 Main St'], city: 'Berlin', postalCode: '', countryCode: 'DE' };
const lines = [{ sku: 'a', quantity: 1, unitPrice: { currencyCode: 'USD', minorUnits: 1n } }];
const { signal: noEnd } = new AbortController();

/** One order, `order-1`, in a storage of its own, whose changes can be watched. */
export class WatchedOrder {
  readonly clock: TestClock = createTestClock();
  readonly log: CapturedLog = captureLog();
  readonly storage: Storage;
  readonly #folder: TempFolder;
  #changes: OrderChanges;

  private constructor(storage: Storage, folder: TempFolder) {
    this.storage = storage;
    this.#folder = folder;
    this.#changes = this.#changesOf({ ...storage, exclusive: true });
  }

  static async place(): Promise<WatchedOrder> {
    const folder = await tempFolder();
    const storage = await openStorage(`sqlite:${join(folder.path, 'order.db')}`);
    await storage.migrate('order', await loadMigrations(new URL('../migrations/', import.meta.url)));
    const order = new WatchedOrder(storage, folder);
    const placed = newOrder({ id: 'order-1', userId: 'ada', lines, shippingAddress, timeMs: order.clock.now() });
    await storage.transaction(async (tx) => insertOrder(tx, placed));
    return order;
  }

  get changes(): OrderChanges {
    return this.#changes;
  }

  /** Lets other processes change the order too. `query` reads what is watched. */
  share(query: Storage['query'] = this.storage.query): void {
    this.#changes = this.#changesOf({ ...this.storage, exclusive: false, query });
  }

  /** Changes the order as another process does: without a notification. */
  changeSilently(state: OrderState): Promise<Order> {
    return this.storage.transaction((tx) => updateOrder(tx, 'order-1', { state, timeMs: this.clock.now() }));
  }

  async change(state: OrderState): Promise<void> {
    this.changes.publish(await this.changeSilently(state));
  }

  async close(): Promise<void> {
    await this.storage.close();
    await this.#folder[Symbol.asyncDispose]();
  }

  watch({
    id = 'order-1',
    storage = this.storage,
    signal = noEnd,
    afterEtag = '',
    idle = (wait) => wait(),
  }: WatchSettings = {}): AsyncGenerator<Order, void> {
    return watchOrder(
      { id, afterEtag },
      { signal, idle, assertOwner: () => undefined },
      { storage, changes: this.changes },
    );
  }

  #changesOf(storage: Storage): OrderChanges {
    return createOrderChanges({ storage, clock: this.clock, logger: this.log.logger });
  }
}

export interface WatchSettings {
  readonly id?: string;
  readonly storage?: Storage;
  readonly signal?: AbortSignal;
  readonly afterEtag?: string;
  readonly idle?: IdleWait;
}

export async function nextState(watching: AsyncIterator<Order>): Promise<OrderState | 'ended'> {
  const { done, value } = await watching.next();
  return done ? 'ended' : value.state;
}
