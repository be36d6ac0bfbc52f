import { describe, expect, it } from 'vitest';
import type { Runtime, ServiceDefinition } from '../../app/service/service.ts';
import { createSagaEngine } from '../../saga/engine.ts';
import { type StepContext, saga } from '../../saga/saga.ts';
import { refuses } from '../../saga/testing/test-engine.ts';
import type { Storage } from '../../storage/storage.ts';
import { eventually } from '../eventually.ts';
import type { TestMesh } from '../start-mesh.ts';
import { testService } from '../test-service.ts';
import { crashAtEveryStep } from './crash-at-every-step.ts';
import type { CrashScenario } from './crash-everywhere.ts';

/** What goes wrong in a saga: an effect that is had again by a repeated call, or is in memory only. */
type Bug = 'repeats' | 'forgets';

const bookings = {
  name: '0001-init',
  sql: 'CREATE TABLE bookings (request_id TEXT NOT NULL, name TEXT NOT NULL)',
};

const databases = new Map<string, Storage>();

/** A service that books in two steps. Data `refused`: the second is refused. */
function bookingService(bug?: Bug): ServiceDefinition {
  return testService('booking', async (runtime: Runtime) => {
    const storage = await runtime.openStorage('booking');
    await storage.migrate('booking', [bookings]);
    databases.set(runtime.config.dataDir, storage);
    const remembered = new Set<string>();
    const book = (name: string, { requestId }: StepContext) =>
      storage.transaction(async (tx) => {
        const known = await tx.query('SELECT 1 FROM bookings WHERE request_id = $1', [requestId]);
        if (known.length > 0 && bug !== 'repeats') return;
        await tx.execute('INSERT INTO bookings (request_id, name) VALUES ($1, $2)', [requestId, name]);
      });
    const trip = saga<{ readonly refused: boolean }>('trip', 1)
      .step('flight', {
        run: async (_, step) => {
          await book('flight', step);
          remembered.add('flight');
        },
        undo: (_, step) => book('no flight', step),
      })
      .step('hotel', {
        run: async ({ refused }, step) => {
          if (refused) return await refuses();
          if (bug !== 'forgets' || remembered.has('flight')) return await book('hotel', step);
        },
      });
    const create = runtime.createSagaEngine ?? createSagaEngine;
    const { clock, logger } = runtime;
    const engine = await create({ service: 'booking', storage, definitions: [trip], clock, logger });
    engines.set(runtime.config.dataDir, async (refused) => {
      if (!(await engine.get({ id: 'trip-1' })))
        await storage.transaction((tx) => engine.begin(tx, trip, { id: 'trip-1', data: { refused } }));
      await eventually(async () => {
        const state = (await engine.get({ id: 'trip-1' }))?.state;
        expect(state).toBe(refused ? 'compensated' : 'completed');
      });
    });
    return { sagas: [engine], start: () => engine.start(), stop: (graceMs) => engine.stop(graceMs) };
  });
}

const engines = new Map<string, (refused: boolean) => Promise<void>>();

async function travel({ dataDir }: TestMesh, refused: boolean): Promise<void> {
  await engines.get(dataDir)?.(refused);
  const rows = await databases.get(dataDir)?.query('SELECT name FROM bookings ORDER BY name');
  expect(rows?.map(({ name }) => name)).toEqual(refused ? ['flight', 'no flight'] : ['flight', 'hotel']);
}

const completes: CrashScenario = { act: (mesh) => travel(mesh, false), check: (mesh) => travel(mesh, false) };
const refused: CrashScenario = { act: (mesh) => travel(mesh, true), check: (mesh) => travel(mesh, true) };

describe('a saga whose process dies', () => {
  it('is driven to its end from each state of the disk, which many points share', async () => {
    const services = [bookingService()];
    const report = await crashAtEveryStep('trip', { services, scenarios: { completes, refused } });
    expect(report.sagas.get('trip')).toEqual(['booking run:flight', 'booking undo:flight', 'booking run:hotel']);
    expect(report.restarts).toBeGreaterThan(8);
    expect(report.points).toBeGreaterThan(report.restarts);
  });

  it('shows a call that has its effect again, with the points after which it had', async () => {
    const services = [bookingService('repeats')];
    const crashed = crashAtEveryStep({ name: 'trip' }, { services, scenarios: { completes } });
    await expect(crashed).rejects.toThrow(/completes, killed after booking commit 2.*after booking run:flight 1/);
  });

  it('shows what was in memory only', async () => {
    const services = [bookingService('forgets')];
    const crashed = crashAtEveryStep('trip', { services, scenarios: { completes } });
    await expect(crashed).rejects.toThrow(/before booking run:hotel 1/);
  });

  it('has to be led through each step and undo', async () => {
    const services = [bookingService()];
    const crashed = crashAtEveryStep('trip', { services, scenarios: { completes } });
    await expect(crashed).rejects.toThrow('no scenario has reached booking undo:flight of the saga trip');
  });

  it('has to be one that the services run', async () => {
    const crashed = crashAtEveryStep('tour', { services: [bookingService()], scenarios: {} });
    await expect(crashed).rejects.toThrow('none of the services runs the saga tour');
  });
});
