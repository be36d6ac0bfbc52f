import { join } from 'node:path';
import type { DomainEvent } from '../../mesh/events/log/envelope.ts';
import type { EventLog } from '../../mesh/events/log/event-log.ts';
import { createOutbox } from '../../mesh/events/outbox/create-outbox.ts';
import type { Outbox } from '../../mesh/events/outbox/outbox.ts';
import { openStorage } from '../../mesh/storage/open.ts';
import type { Storage } from '../../mesh/storage/storage.ts';
import { openEmbeddedTasks } from '../../mesh/tasks/embedded/embedded-tasks.ts';
import { createLogger } from '../../mesh/telemetry/logger.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { systemClock as clock } from '../../mesh/time/clock.ts';

export const topic = 'bench.events';
export const logger = createLogger('warn');

const keys = 1_000;

/** A service with only a database and an outbox, which is not started. */
export interface EventService extends AsyncDisposable {
  readonly storage: Storage;
  readonly outbox: Outbox;
}

/** Creates a service on a temporary SQLite file. Disposing it does not close the log. */
export async function openEventService(events: EventLog): Promise<EventService> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const storage = await openStorage(`sqlite:${join(folder.path, 'service.db')}`);
  stack.defer(() => storage.close());
  const tasks = await openEmbeddedTasks(join(folder.path, 'tasks.db'), { clock, logger });
  stack.defer(() => tasks.close());
  const source = '//ordermesh/bench';
  const outbox = await createOutbox({ storage, events, tasks, source, topics: [{ name: topic }], clock, logger });
  stack.defer(() => outbox.stop(0));
  const opened = stack.move();
  return { storage, outbox, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** Creates an event, as large as a real order's. */
export function eventOf(index: number): DomainEvent {
  const id = `order-${index % keys}`;
  const items = [{ sku: 'item-0', quantity: 1, unitPrice: { currencyCode: 'EUR', minorUnits: '100' } }];
  const json = { type: 'ORDER_PLACED', orderId: id, userId: 'user-0', items, total: items[0]?.unitPrice };
  return { topic, key: id, type: 'ORDER_PLACED', version: BigInt(index), timeMs: Date.now(), json };
}
