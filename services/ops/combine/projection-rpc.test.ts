import { type Client, Status } from 'nice-grpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ProjectionServiceContract } from '#gen/ops/v1/projection.contract.ts';
import { type ProjectionServiceDefinition, RebuildStage } from '#gen/ops/v1/projection.ts';
import { sleep } from '#mesh';
import { eventually, startMesh, type TestMesh } from '#mesh/testing';
import { opsService } from '../service.ts';
import { createWatchedService, type WatchedService } from '../testing/watched-service.ts';

describe('ProjectionService', () => {
  let mesh: TestMesh;
  let bank: WatchedService;
  let report: WatchedService;
  let projections: Client<ProjectionServiceDefinition>;

  beforeEach(async () => {
    report = createWatchedService('report', ['sales', 'balances']);
    bank = createWatchedService('bank', ['balances', 'statements']);
    mesh = await startMesh([report.definition, bank.definition, opsService]);
    projections = mesh.runtime.client(ProjectionServiceContract);
  });
  afterEach(() => mesh.stop());

  const list = () => Array.fromAsync(projections.listProjections({}));
  const rebuild = (name: string, dryRun = false) => Array.fromAsync(projections.rebuildProjection({ name, dryRun }));

  /** Makes the rebuilds of a service wait until they are cancelled. */
  function holdRebuilds(service: WatchedService): Promise<void> {
    const started = Promise.withResolvers<void>();
    service.pause = async (signal) => {
      started.resolve();
      await sleep(mesh.runtime.clock, 60_000, signal);
    };
    return started.promise;
  }

  it('lists the projections in name order, each with its position', async () => {
    const [first, ...others] = await list();
    expect(first).toEqual({
      name: 'bank/balances',
      position: 40n,
      headPosition: 42n,
      behindSince: new Date(1_700_000_000_000),
      parkedEvents: 0n,
      generation: 1n,
      rebuilding: false,
    });
    expect(others).toMatchObject([
      { name: 'bank/statements', behindSince: undefined, parkedEvents: 1n },
      { name: 'report/balances' },
      { name: 'report/sales' },
    ]);
  });

  it('rebuilds a projection in its service, and reports progress and differences', async () => {
    bank.differences = [
      { key: 'ada', live: '{"balance":"1"}', rebuilt: '{"balance":"2"}' },
      { key: 'tom', live: undefined, rebuilt: '{}' },
    ];
    const progress = await rebuild('bank/balances');
    expect(progress).toMatchObject([
      { stage: RebuildStage.REBUILD_STAGE_REPLAYING, eventsDone: 21n, eventsTotal: 42n, differences: [] },
      { stage: RebuildStage.REBUILD_STAGE_COMPARING, eventsDone: 42n, rowsCompared: 3n, liveHash: '' },
      {
        stage: RebuildStage.REBUILD_STAGE_SWITCHED,
        rowsCompared: 7n,
        rowsDifferent: 2n,
        differences: [
          { key: 'ada', live: '{"balance":"1"}', rebuilt: '{"balance":"2"}' },
          { key: 'tom', live: '', rebuilt: '{}' },
        ],
        liveHash: 'aa',
        rebuiltHash: 'bb',
      },
    ]);
    expect(bank.rebuilt).toEqual(['balances']);
    expect(report.rebuilt).toEqual([]);
    expect(await list()).toMatchObject([{ name: 'bank/balances', generation: 2n }, {}, {}, {}]);
  });

  it('finds a projection without the name of its service if that is unambiguous', async () => {
    await rebuild('sales');
    expect(report.rebuilt).toEqual(['sales']);
    await expect(rebuild('balances')).rejects.toMatchObject({
      code: Status.NOT_FOUND,
      reason: 'UNKNOWN_PROJECTION',
      message: 'projection "balances" is ambiguous: name its service too, as in bank/balances, report/balances',
    });
    expect(bank.rebuilt).toEqual([]);
  });

  it('returns NOT_FOUND for an unknown projection, with the names of the existing ones', async () => {
    await expect(rebuild('bank/sales')).rejects.toMatchObject({
      code: Status.NOT_FOUND,
      reason: 'UNKNOWN_PROJECTION',
      message: expect.stringContaining('bank/balances, bank/statements, report/balances, report/sales'),
    });
  });

  it('discards the rows of a dry run', async () => {
    expect((await rebuild('statements', true)).at(-1)).toMatchObject({ stage: RebuildStage.REBUILD_STAGE_DISCARDED });
    expect(bank.rebuilt).toEqual(['statements discarded']);
  });

  it('discards the rebuilt rows if the call ends early', async () => {
    const started = holdRebuilds(bank);
    const call = new AbortController();
    const rebuilding = Array.fromAsync(projections.rebuildProjection({ name: 'statements' }, { signal: call.signal }));
    await started;
    call.abort();
    await expect(rebuilding).rejects.toThrow();
    await eventually(() => expect(bank.rebuilt).toEqual(['statements discarded']));
  });

  it('discards the rebuilt rows if the process drains', async () => {
    const started = holdRebuilds(bank);
    const rebuilding = rebuild('statements');
    const refused = expect(rebuilding).rejects.toMatchObject({ reason: 'SERVER_DRAINING' });
    await started;
    await mesh.stop();
    await refused;
    expect(bank.rebuilt).toEqual(['statements discarded']);
  });
});
