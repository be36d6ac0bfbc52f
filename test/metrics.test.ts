import { afterEach, expect, it } from 'vitest';
import {
  createDeadLetterStore,
  defineQueue,
  defineService,
  type EventHandler,
  type Outbox,
  type SagaEngine,
  type Storage,
  saga,
  uuidv7,
} from '../mesh/index.ts';
import { describeServicesOnEachDatabase, eventually, startMesh, type TestMesh } from '../mesh/testing/index.ts';
import { allServices } from '../services/all.ts';
import { parseMetrics } from './support/parse-metrics.ts';

const away = 'kafka://127.0.0.1:1';
const jobs = defineQueue<{ readonly id: string }>('jobs');
const wait = saga<object>('wait', 1).step('forever', {
  run: (_, { signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  undo: async () => undefined,
});

/** A service in which everything that has begun waits. */
function createBusyService() {
  const gate = Promise.withResolvers<void>();
  const busy = {
    release: gate.resolve,
    storage: undefined as unknown as Storage,
    outbox: undefined as unknown as Outbox,
    sagas: undefined as unknown as SagaEngine,
    definition: defineService({
      name: 'busy',
      migrations: [],
      topics: [{ name: 'notes' }],
      async setup({ run, storage, outbox }) {
        const handle: EventHandler['handle'] = async () => {
          await gate.promise;
          return undefined;
        };
        await run.consumer({ group: 'readers', topics: ['notes'], handle });
        run.worker(jobs, { concurrency: 1, handle: () => gate.promise });
        const sagas = await run.sagas([wait]);
        Object.assign(busy, { storage, outbox, sagas });
        return { serves: [] };
      },
    }),
  };
  return busy;
}

const note = (key: string) => ({
  topic: 'notes',
  key,
  type: 'NOTED',
  version: 1n,
  json: {},
  headers: {},
  timeMs: Date.now(),
});

describeServicesOnEachDatabase('the metrics of a mesh', (settings) => {
  let mesh: TestMesh;
  afterEach(() => mesh.stop());

  const scrape = async () => parseMetrics((await mesh.runtime.metrics.scrape()).text);

  it('have every series from the start, at 0', { timeout: 60_000 }, async () => {
    mesh = await startMesh(allServices, { ...settings(), AUDIT_INTERVAL_MS: '0' });
    const found = await scrape();
    const zero = [...found].filter(([, value]) => value === 0).map(([series]) => series);
    for (const service of ['user', 'inventory', 'payment', 'shipping', 'order', 'notification']) {
      for (const kind of ['events', 'tasks']) {
        expect(zero).toContain(`ordermesh_outbox_entries{service="${service}",kind="${kind}"}`);
        expect(zero).toContain(`ordermesh_outbox_oldest_seconds{service="${service}",kind="${kind}"}`);
      }
    }
    for (const state of ['running', 'compensating', 'needs-attention']) {
      expect(zero).toContain(`ordermesh_sagas{service="order",saga="place-order",state="${state}"}`);
      expect(zero).toContain(`ordermesh_sagas_oldest_seconds{service="order",saga="place-order",state="${state}"}`);
    }
    for (const state of ['ready', 'running', 'delayed'])
      expect(zero).toContain(`ordermesh_tasks{queue="email-jobs",state="${state}"}`);
    for (const outcome of ['done', 'failed', 'waiting', 'dead'])
      expect(zero).toContain(`ordermesh_tasks_attempts_total{queue="email-jobs",outcome="${outcome}"}`);
    for (const [service, source] of [
      ['order', 'event'],
      ['order', 'saga'],
      ['notification', 'event'],
      ['notification', 'task'],
      ['tasks', 'task'],
    ])
      expect(zero).toContain(`ordermesh_dead_letters{service="${service}",source="${source}"}`);
    for (const series of [
      'ordermesh_consumer_lag_events{group="notification-service",topic="order.events"}',
      'ordermesh_consumer_lag_events{group="report-service",topic="order.events"}',
      'ordermesh_projection_parked_events{projection="payment/account-balances"}',
      'ordermesh_projection_lag_seconds{projection="report/orders-by-user"}',
      'ordermesh_audit_findings{check="orders/charges"}',
      'ordermesh_audit_check_failed{check="storage/integrity"}',
      'ordermesh_audit_last_end_time_seconds{service="ops"}',
      'ordermesh_audit_last_end_time_seconds{service="payment"}',
      'ordermesh_calls_running{contract="order.v1.OrderService"}',
      'ordermesh_calls_overloaded_total{contract="order.v1.OrderService",limit="waiting"}',
    ])
      expect(zero).toContain(series);
    expect(found.get('ordermesh_disk_free_bytes')).toBeGreaterThan(0);
    expect(found.get('ordermesh_disk_size_bytes')).toBeGreaterThan(found.get('ordermesh_disk_free_bytes') ?? 0);
  });

  it('equal what the tables hold', async () => {
    const busy = createBusyService();
    mesh = await startMesh([busy.definition], settings());
    const { storage, outbox, sagas } = busy;
    const deadLetters = await createDeadLetterStore(storage, { clock: mesh.runtime.clock });
    await storage.transaction(async (tx) => {
      for (const key of ['a', 'b', 'c', 'd', 'e']) await outbox.addEvent(tx, note(key));
      for (const id of ['x', 'y', 'z']) await outbox.addTask(tx, jobs.task(id, { id }));
      for (let count = 0; count < 2; count += 1) await sagas.begin(tx, wait, { id: uuidv7(), data: {} });
      for (const id of ['1', '2']) await deadLetters.add(tx, deadEvent(id));
    });
    const count = async (sql: string) => Number((await storage.query<{ n: bigint }>(sql))[0]?.n);
    await eventually(async () => {
      const metrics = await scrape();
      expect(Object.fromEntries(metrics)).toMatchObject({
        'ordermesh_outbox_entries{service="busy",kind="events"}': await count('SELECT count(*) AS n FROM outbox'),
        'ordermesh_consumer_lag_events{group="readers",topic="notes"}': 5,
        'ordermesh_tasks{queue="jobs",state="running"}': 1,
        'ordermesh_tasks{queue="jobs",state="ready"}': 2,
        'ordermesh_tasks{queue="jobs",state="delayed"}': 0,
        'ordermesh_sagas{service="busy",saga="wait",state="running"}': await count(
          "SELECT count(*) AS n FROM saga WHERE state = 'running'",
        ),
        'ordermesh_dead_letters{service="busy",source="event"}': await count(
          "SELECT count(*) AS n FROM dead_letter WHERE state = 'open'",
        ),
      });
      expect(metrics.get('ordermesh_sagas{service="busy",saga="wait",state="running"}')).toBe(2);
      expect(metrics.get('ordermesh_sagas_oldest_seconds{service="busy",saga="wait",state="running"}')).toBeGreaterThan(
        0,
      );
      expect(metrics.get('ordermesh_dead_letters{service="busy",source="event"}')).toBe(2);
    });
    busy.release();
    await eventually(async () =>
      expect((await scrape()).get('ordermesh_consumer_lag_events{group="readers",topic="notes"}')).toBe(0),
    );
  });

  it('show what waits for a broker, and omit only what that broker knows', async () => {
    const busy = createBusyService();
    mesh = await startMesh([busy.definition], { ...settings(), EVENTS_URL: away });
    const { storage, outbox } = busy;
    await storage.transaction(async (tx) => {
      for (const key of ['a', 'b', 'c', 'd']) await outbox.addEvent(tx, note(key));
    });
    const metrics = await eventually(async () => {
      const found = await scrape();
      expect(found.get('ordermesh_outbox_entries{service="busy",kind="events"}')).toBe(4);
      return found;
    });
    expect(metrics.get('ordermesh_outbox_oldest_seconds{service="busy",kind="events"}')).toBeGreaterThanOrEqual(0);
    expect(metrics.get('ordermesh_outbox_entries{service="busy",kind="tasks"}')).toBe(0);
    expect([...metrics.keys()].filter((series) => series.startsWith('ordermesh_consumer_lag'))).toEqual([]);
    busy.release();
  });
});

function deadEvent(subjectId: string) {
  return {
    source: 'event',
    origin: 'notes/readers',
    reason: 'HANDLER_FAILED',
    error: 'no template',
    attempts: 5,
    payload: Buffer.from('{}'),
    headers: {},
    subjectId,
    firstTimeMs: 1,
    lastTimeMs: 2,
  } as const;
}
