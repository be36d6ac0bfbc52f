import type { Metadata } from 'nice-grpc';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AuditServiceContract } from '#gen/ops/v1/audit.contract.ts';
import { ConsumerServiceContract } from '#gen/ops/v1/consumer.contract.ts';
import { DeadLetterServiceContract, SagaServiceContract } from '#gen/ops/v1/ops.contract.ts';
import { SagaState } from '#gen/ops/v1/ops.ts';
import { ProjectionServiceContract } from '#gen/ops/v1/projection.contract.ts';
import { RebuildStage } from '#gen/ops/v1/projection.ts';
import { StatusServiceContract } from '#gen/ops/v1/status.contract.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { type PostgresServer, postgres, startPostgres } from '../../mesh/testing/servers/postgres-server.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { type StartedProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { spawnTool } from '../../scripts/ordermesh/testing/spawn-tool.ts';

const sagaId = '01900000-0000-7000-8000-000000000001';

// Two processes with the service `stuck` on one database, which discovery calls `shipping`; `bank` is `report` there.
describeWithServer(postgres, 'ops of a mesh of five processes', () => {
  let folder: TempFolder;
  let server: PostgresServer;
  let stuck: StartedProcess;
  let other: StartedProcess;
  let bank: StartedProcess;
  let user: StartedProcess;
  let ops: StartedProcess;

  beforeAll(async () => {
    [folder, server] = await Promise.all([tempFolder(), startPostgres()]);
    const start = (
      name: string,
      args: readonly string[],
      environment = {},
      main = 'test/split/support/stuck-main.ts',
    ) => startProcess({ dataDir: `${folder.path}/${name}`, main, args, environment });
    const shared = { DATABASE_URL: server.url('<service>') };
    [stuck, other, bank, user] = await Promise.all([
      start('stuck', ['stuck', 'ada', 'bob', 'cleo'], shared),
      start('other', ['stuck'], shared),
      start('bank', ['bank']),
      start('user', ['user'], {}, 'services/main.ts'),
    ]);
    const addresses = `shipping=${stuck.address}+${other.address},report=${bank.address},user=${user.address}`;
    ops = await start('ops', ['ops'], { DISCOVERY_URL: `static:${addresses}` }, 'services/main.ts');
    await eventually(async () => {
      const [saga] = await Array.fromAsync(ops.client(SagaServiceContract).listSagas({ failing: true }));
      expect(saga).toMatchObject({ id: sagaId, state: SagaState.SAGA_STATE_NEEDS_ATTENTION });
      expect(await listDead()).toHaveLength(4);
    });
  }, 90_000);
  afterAll(async () => {
    await Promise.all([ops, user, bank, other, stuck].map((started) => started?.end('SIGKILL')));
    await server?.stop();
    await folder?.[Symbol.asyncDispose]();
  });

  const listDead = async (): Promise<string[]> => {
    const listed = await Array.fromAsync(ops.client(DeadLetterServiceContract).listDeadLetters({}));
    return listed.map(({ subjectId }) => subjectId);
  };
  const run = (command: string, ...args: string[]) => spawnTool(command, ops.address, args);

  /** Runs `work` while a process is stopped, as one that hangs. */
  async function without(stopped: StartedProcess, work: () => Promise<void>): Promise<void> {
    stopped.child.kill('SIGSTOP');
    try {
      await work();
    } finally {
      stopped.child.kill('SIGCONT');
    }
  }

  it('shows all processes, and what several of them have once', async () => {
    const status = await ops.client(StatusServiceContract).getStatus({});
    const seen = status.instances.map(({ name, address, process }) => [name, address, process?.services]);
    expect(status.process?.services).toEqual(['ops']);
    expect(seen.toSorted()).toEqual(
      [
        ['shipping', stuck.address, ['stuck']],
        ['shipping', other.address, ['stuck']],
        ['report', bank.address, ['bank', 'reader']],
        ['user', user.address, ['user']],
      ].toSorted(),
    );
    for (const { health } of status.instances) expect(health[0]).toMatchObject({ name: '', problems: [] });
    expect(status).toMatchObject({
      outboxes: [{ service: 'reader' }, { service: 'user' }],
      sagas: [{ name: 'ship-it', count: 1n }],
      deadLetters: [
        { origin: 'order.events/stuck', count: 3n },
        { origin: 'ship-it', count: 1n },
      ],
      projections: [{ name: 'bank/balances' }],
      consumers: [{ group: 'readers' }],
      unknown: [],
    });
  });

  it('names a process that hangs within 2 s, and shows the rest', async () => {
    await without(user, async () => {
      // The machine may pause during one of them.
      const { unknown, instances, deadLetters } = await eventually(async () => {
        const startMs = performance.now();
        const status = await ops.client(StatusServiceContract).getStatus({});
        expect(performance.now() - startMs).toBeLessThan(2_000);
        return status;
      });
      expect(unknown).toMatchObject([{ part: 'process', instance: `user@${user.address}` }]);
      expect(instances.map(({ name }) => name)).toEqual(['report', 'shipping', 'shipping']);
      expect(deadLetters).toHaveLength(2);
      const { code, lines } = await run('status');
      expect(code).toBe(1);
      expect(lines[0]).toMatch(/: 4 of 5 processes serve, 1 does not answer$/);
      expect(lines).toContainEqual(expect.stringMatching(`^  user@${user.address} +no answer `));
      expect(lines).toContain(`  user@${user.address} did not answer: no answer in time`);
      expect(lines).toContainEqual(expect.stringMatching(/^ {2}bank\/balances +2 /));
    });
  });

  it('asks the other process of a service while one hangs', async () => {
    for (const stopped of [stuck, other]) {
      await without(stopped, async () => {
        expect((await listDead()).toSorted()).toEqual([sagaId, 'ada', 'bob', 'cleo']);
        const found = await ops.client(SagaServiceContract).getSaga({ name: { $case: 'id', value: sagaId } });
        expect(found.id).toBe(sagaId);
      });
    }
  });

  it('names in the trailer of a list what is missing, for which commands exit with 1', async () => {
    await without(bank, async () => {
      const label = `report@${bank.address}`;
      let trailer: Metadata | undefined;
      const onTrailer = (found: Metadata) => {
        trailer = found;
      };
      const options = { onTrailer };
      await Array.fromAsync(ops.client(DeadLetterServiceContract).listDeadLetters({}, options));
      expect(trailer?.get('x-ordermesh-missing')).toBe(label);
      await ops.client(ConsumerServiceContract).listConsumers({}, options);
      expect(trailer?.get('x-ordermesh-missing')).toBe(label);
      const { code, errors } = await run('rebuild');
      expect({ code, errors }).toEqual({
        code: 1,
        errors: `${label} did not answer, so what it has is missing here: "make status" shows why\n`,
      });
      const rebuild = ops.client(ProjectionServiceContract).rebuildProjection({ name: 'bank/balances' });
      const unreachable = { reason: 'PROCESS_UNREACHABLE', message: expect.stringContaining(label) };
      await expect(Array.fromAsync(rebuild)).rejects.toMatchObject(unreachable);
    });
  });

  it('rebuilds a projection, replays a group and runs the checks where they are', async () => {
    const rebuilt = await Array.fromAsync(
      ops.client(ProjectionServiceContract).rebuildProjection({ name: 'balances' }),
    );
    expect(rebuilt.at(-1)?.stage).toBe(RebuildStage.REBUILD_STAGE_SWITCHED);
    const consumers = ops.client(ConsumerServiceContract);
    expect(await consumers.listConsumers({})).toMatchObject({ groups: [{ group: 'readers', service: 'reader' }] });
    const replayed = await Array.fromAsync(consumers.replayConsumer({ group: 'readers' }));
    expect(replayed.at(-1)).toMatchObject({ done: true });
    const audited = await run('audit');
    expect(audited.code, audited.lines.join('\n')).toBe(0);
    expect(audited.lines).toContainEqual(expect.stringMatching(/^bank\/accounts: 0 findings, 3 examined/));
    for (const { address } of [stuck, other, bank, user])
      expect(audited.lines).toContainEqual(expect.stringMatching(`^storage/integrity@${address}: 0 findings`));
    await without(user, async () => {
      const reports = await Array.fromAsync(ops.client(AuditServiceContract).runAudit({}));
      const failed = reports.flatMap(({ report }) =>
        report?.$case === 'check' && report.value.error !== '' ? [[report.value.name, report.value.error]] : [],
      );
      expect(failed).toEqual([[`user@${user.address}`, 'no answer in time']]);
    });
  });

  it('redrives, discards and retries where the work is stuck', async () => {
    const deadLetters = ops.client(DeadLetterServiceContract);
    const [first] = await Array.fromAsync(deadLetters.listDeadLetters({ filter: { origin: 'order.events/stuck' } }));
    const discarded = await deadLetters.discardDeadLetters({ ids: [first?.id ?? '', 'none'], note: 'a test' });
    expect(discarded).toMatchObject({ discardedIds: [first?.id], missingIds: ['none'], failures: [] });
    const failed = await deadLetters.redriveDeadLetters({ filter: { origin: 'order.events/stuck' } });
    expect(failed).toMatchObject({ redrivenIds: [], failures: [{ reason: 'HANDLER_FAILED' }, {}] });
    for (const each of [stuck, other]) each.child.kill('SIGUSR2');
    const redriven = await run('dead-letters', 'redrive', '--all');
    expect(redriven.code, redriven.errors).toBe(0);
    expect(await listDead()).toEqual([]);
    await eventually(async () => {
      const { state } = await ops.client(SagaServiceContract).getSaga({ name: { $case: 'id', value: sagaId } });
      expect(state).toBe(SagaState.SAGA_STATE_COMPENSATED);
    });
  });
});
