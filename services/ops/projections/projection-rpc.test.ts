import { type Client, Status } from 'nice-grpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ProjectionServiceContract } from '#gen/ops/v1/projection.contract.ts';
import { type ProjectionServiceDefinition, RebuildStage } from '#gen/ops/v1/projection.ts';
import { sleep } from '#mesh';
import { eventually, startMesh, type TestMesh } from '#mesh/testing';
import { opsService } from '../service.ts';
import { createWatchedService, type WatchedService } from '../testing/watched-service.ts';

describe('the projections of a process', () => {
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

  /** Has the rebuilds of a service wait until they are called off. */
  function holdRebuilds(service: WatchedService): Promise<void> {
    const begun = Promise.withResolvers<void>();
    service.pause = async (signal) => {
      begun.resolve();
      await sleep(mesh.runtime.clock, 60_000, signal);
    };
    return begun.promise;
  }

  it('are one list in the order of their names, each with how far it is', async () => {
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

  it('are made again by the service that has them, which tells how far it is and what differed', async () => {
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

  it('are found without the name of their service where that is enough', async () => {
    await rebuild('sales');
    expect(report.rebuilt).toEqual(['sales']);
    await expect(rebuild('balances')).rejects.toMatchObject({
      code: Status.NOT_FOUND,
      reason: 'UNKNOWN_PROJECTION',
      message: 'projection balances is ambiguous: name its service too, as in bank/balances, report/balances',
    });
    expect(bank.rebuilt).toEqual([]);
  });

  it('that do not exist are NOT_FOUND, and those that do are named', async () => {
    await expect(rebuild('bank/sales')).rejects.toMatchObject({
      code: Status.NOT_FOUND,
      reason: 'UNKNOWN_PROJECTION',
      message: expect.stringContaining('bank/balances, bank/statements, report/balances, report/sales'),
    });
  });

  it('stay as they are after a dry run', async () => {
    expect((await rebuild('statements', true)).at(-1)).toMatchObject({ stage: RebuildStage.REBUILD_STAGE_DISCARDED });
    expect(bank.rebuilt).toEqual(['statements thrown away']);
  });

  it('are not made again when the call ends before', async () => {
    const begun = holdRebuilds(bank);
    const call = new AbortController();
    const rebuilding = Array.fromAsync(projections.rebuildProjection({ name: 'statements' }, { signal: call.signal }));
    await begun;
    call.abort();
    await expect(rebuilding).rejects.toThrow();
    await eventually(() => expect(bank.rebuilt).toEqual(['statements thrown away']));
  });

  it('are not made again when the process ends before', async () => {
    const begun = holdRebuilds(bank);
    const rebuilding = rebuild('statements');
    const refused = expect(rebuilding).rejects.toMatchObject({ reason: 'SERVER_DRAINING' });
    await begun;
    await mesh.stop();
    await refused;
    expect(bank.rebuilt).toEqual(['statements thrown away']);
  });
});
