import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { DeadLetterSource, SagaState } from '#gen/ops/v1/ops.ts';
import { StatusServiceContract } from '#gen/ops/v1/status.contract.ts';
import { createSagaEngine, MeshError, Status, saga } from '#mesh';
import { eventually, startGuardedMesh, startMesh, type TestMesh, testService } from '#mesh/testing';
import { opsService } from '../service.ts';
import { createReaderService } from '../testing/reader-service.ts';
import { createStuckService } from '../testing/stuck-service.ts';
import { createWatchedService } from '../testing/watched-service.ts';

describe('GetStatus', () => {
  let mesh: TestMesh;
  afterEach(() => mesh.stop());

  const status = () => mesh.runtime.client(StatusServiceContract).getStatus({});

  it('returns what runs, what waits and what is stuck', async () => {
    const stuck = createStuckService();
    const services = [
      stuck.definition,
      createReaderService().definition,
      createWatchedService('bank', ['balances']).definition,
    ];
    mesh = await startMesh([...services, opsService]);
    await stuck.addDeadEvent('a');
    await stuck.beginSaga(randomUUID());
    await mesh.runtime.tasks.enqueue('jobs', [{ id: 'x', payload: Buffer.from('x'), headers: {} }]);
    await eventually(async () => {
      const { sagas, deadLetters } = await status();
      expect(sagas).toMatchObject([{ name: 'ship-it', state: SagaState.SAGA_STATE_NEEDS_ATTENTION, count: 1n }]);
      expect(deadLetters.map(({ source, origin, count }) => [source, origin, count])).toEqual([
        [DeadLetterSource.DEAD_LETTER_SOURCE_TASK, 'jobs', 1n],
        [DeadLetterSource.DEAD_LETTER_SOURCE_EVENT, 'order.events/stuck', 1n],
        [DeadLetterSource.DEAD_LETTER_SOURCE_SAGA, 'ship-it', 1n],
      ]);
    });
    const found = await status();
    expect(found).toMatchObject({
      process: {
        version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
        nodeVersion: process.versions.node,
        pid: process.pid,
        services: ['stuck', 'reader', 'bank', 'ops'],
        database: 'sqlite',
        events: 'embedded',
        tasks: 'embedded',
        tlsExpiries: [],
        tokens: undefined,
      },
      outboxes: [{ service: 'reader', events: 0n, oldestEventTime: undefined, tasks: 0n }],
      queues: [{ queue: 'jobs', tasks: 0n, overdue: { seconds: 0n, nanos: 0 } }],
      consumers: [{ service: 'reader', group: 'readers', topic: 'notes', eventsBehind: 0n }],
      projections: [{ name: 'bank/balances', headPosition: 42n }],
      lastAudit: undefined,
      unknown: [],
    });
    expect(found.health[0]).toMatchObject({ name: '' });
    expect(found.disk?.freeBytes).toBeGreaterThan(0n);
    expect(found.disk?.files.map(({ name }) => name)).toContain('events.db');
  });

  it('says whose tokens the process accepts', async () => {
    const guarded = await startGuardedMesh([opsService]);
    mesh = guarded;
    const { client } = await guarded.callAs({ subject: 'olga', roles: ['operator'] });
    const { process } = await client(StatusServiceContract).getStatus({});
    expect(process?.tokens).toEqual({ issuer: 'https://login.example/', audience: 'ordermesh' });
  });

  it('reports what cannot be found out, and the rest', async () => {
    mesh = await startMesh([createReaderService().definition, opsService], { EVENTS_URL: 'kafka://127.0.0.1:1' });
    const { outboxes, consumers, unknown } = await status();
    expect(outboxes).toMatchObject([{ service: 'reader' }]);
    expect(consumers).toEqual([]);
    expect(unknown).toMatchObject([{ part: 'consumers of reader', reason: expect.stringMatching(/^EVENTS_|CHECK_/) }]);
  });

  it('shows sagas and tasks that keep failing, with their last error', { timeout: 30_000 }, async () => {
    const away = new MeshError(Status.UNAVAILABLE, 'AWAY', 'it is away: check AWAY_URL');
    const shipIt = saga('ship-it', 1).step('ship', { run: () => Promise.reject(away) });
    const failing = testService('failing', async ({ openStorage, clock, logger, tasks }) => {
      const storage = await openStorage('failing');
      const sagas = await createSagaEngine({ storage, definitions: [shipIt], service: 'failing', clock, logger });
      await tasks.work({ queue: 'jobs', retryDelaysMs: [10], handle: () => Promise.reject(away) });
      const begin = () => storage.transaction((tx) => sagas.begin(tx, shipIt, { id: randomUUID(), data: {} }));
      const start = async () => {
        await sagas.start();
        await begin();
        await begin();
      };
      return { sagas: [sagas], start, stop: sagas.stop };
    });
    mesh = await startMesh([failing, opsService]);
    await mesh.runtime.tasks.enqueue('jobs', [{ id: 'x', payload: Buffer.from('x'), headers: {} }]);
    const lastError = expect.stringContaining('it is away: check AWAY_URL');
    const sinceTime = expect.any(Date);
    await eventually(
      async () =>
        expect((await status()).failing).toEqual([
          { part: 'saga ship-it, step ship', waiting: 2n, sinceTime, lastError },
          { part: 'queue jobs', waiting: 1n, sinceTime, lastError },
        ]),
      { timeoutMs: 20_000, intervalMs: 100 },
    );
  });
});
