import { afterEach, describe, expect, it } from 'vitest';
import { HealthServiceContract } from '#gen/ops/v1/health.contract.ts';
import { HealthStatus } from '#gen/ops/v1/health.ts';
import { MeshError, Status } from '#mesh';
import { startMesh, type TestMesh, testService } from '#mesh/testing';
import { opsService } from './service.ts';

const ops = ['Action', 'Audit', 'Consumer', 'DeadLetter', 'Health', 'Owner', 'Projection', 'Saga', 'Status'];

describe('ListHealth', () => {
  let mesh: TestMesh | undefined;
  afterEach(() => mesh?.stop());

  it('returns the health of each name, with the problems that keep the process from serving', async () => {
    const beforeMs = Date.now();
    const full = new MeshError(Status.UNAVAILABLE, 'STORAGE_UNAVAILABLE', 'the disk of shelves.db is full: make room');
    const shelf = testService('shelf', async () => ({ check: () => Promise.reject(full) }));
    mesh = await startMesh([shelf, opsService]);
    const { names } = await mesh.runtime.client(HealthServiceContract).listHealth({});
    expect(names.map(({ name }) => name)).toEqual([
      '',
      ...ops.map((name) => `ops.v1.${name}Service`),
      'ordermesh.events',
      'ordermesh.process',
      'ordermesh.tasks',
    ]);
    const [whole, ...others] = names;
    expect(whole).toMatchObject({
      status: HealthStatus.HEALTH_STATUS_NOT_SERVING,
      problems: [{ check: 'shelf', reason: 'STORAGE_UNAVAILABLE', message: full.message }],
    });
    expect(whole?.since?.getTime()).toBeGreaterThanOrEqual(beforeMs);
    for (const other of others)
      expect(other).toMatchObject({ status: HealthStatus.HEALTH_STATUS_SERVING, problems: [] });
  });
});
