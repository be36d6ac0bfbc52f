import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { StatusServiceContract } from '#gen/ops/v1/status.contract.ts';
import { eventually } from '../../../mesh/testing/eventually.ts';
import { postgres, startPostgres } from '../../../mesh/testing/servers/postgres-server.ts';
import { describeWithServer } from '../../../mesh/testing/servers/servers.ts';
import { startMesh, type TestMesh } from '../../../mesh/testing/start-mesh.ts';
import { opsService } from '../../../services/ops/service.ts';
import { createReaderService } from '../../../services/ops/testing/reader-service.ts';
import { createStuckService } from '../../../services/ops/testing/stuck-service.ts';
import { createWatchedService } from '../../../services/ops/testing/watched-service.ts';
import { spawnTool } from '../testing/spawn-tool.ts';

describe('make status', () => {
  let mesh: TestMesh;
  afterEach(() => mesh.stop());

  const run = (...args: string[]) => spawnTool('status', mesh.address, args);

  it('shows everything in tables and exits with 0 if nothing needs attention', async () => {
    const bank = createWatchedService('bank', ['balances']);
    mesh = await startMesh([createReaderService().definition, bank.definition, opsService]);
    const { code, lines, errors } = await run();
    expect({ code, errors }, lines.join('\n')).toEqual({ code: 0, errors: '' });
    expect(lines[0]).toMatch(/^ordermesh \d+\.\d+\.\d+ at \S+: serving \(all \d+ health names serve\)$/);
    expect(lines).toContain('  services  reader, bank, ops');
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}outbox of reader: events +0 +-$/));
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}group readers: notes +0 +-$/));
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}bank\/balances +2 /));
    expect(lines).toContainEqual(expect.stringMatching(/free; databases .*, the largest: \S+\.db /));
    expect(lines.slice(-2)).toEqual(['Needs attention', '  nothing']);
  });

  it('lists what needs attention, with what to do about it, and exits with 1', async () => {
    const stuck = createStuckService();
    mesh = await startMesh([stuck.definition, createReaderService().definition, opsService], {
      EVENTS_URL: 'kafka://127.0.0.1:1',
    });
    await stuck.addDeadEvent('order-1');
    await stuck.beginSaga(randomUUID());
    const status = () => mesh.runtime.client(StatusServiceContract).getStatus({});
    await eventually(async () => expect((await status()).sagas[0]?.state).toBe(5));
    const { code, lines } = await run();
    expect(code).toBe(1);
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}ship-it +NEEDS_ATTENTION +1 +\d+ s$/));
    const attention = lines.slice(lines.indexOf('Needs attention') + 1);
    expect(attention[0]).toMatch(/^ {2}Kafka cannot be used now: .*\(not serving: ordermesh\.events/);
    expect(attention.slice(0, -2).join('\n')).toMatch(/unknown: consumers of reader\)/);
    expect(attention.slice(-2)).toEqual([
      expect.stringMatching(/^ {2}1 saga parked: /),
      '  2 dead letters: list them with "make dead-letters"',
    ]);
  });

  it('lists skipped events with what to do, and exits with 1 if a type is unknown', async () => {
    const reader = createReaderService();
    reader.skips = (value) => (value === 'new' ? 'unknown-type' : 'incomplete');
    mesh = await startMesh([reader.definition, opsService]);
    const skipped = async () => {
      const { skippedEvents } = await mesh.runtime.client(StatusServiceContract).getStatus({});
      return skippedEvents.map(({ service, group, topic, reason, count }) => [service, group, topic, reason, count]);
    };
    const publish = (...values: string[]) =>
      mesh.runtime.events.publish(
        values.map((value) => ({ topic: 'notes', key: 'k', headers: {}, value: Buffer.from(value), timeMs: 1 })),
      );
    await publish('short');
    await eventually(async () => expect(await skipped()).toEqual([['reader', 'readers', 'notes', 'incomplete', 1n]]));
    const harmless = await run();
    expect(harmless.code).toBe(0);
    expect(harmless.lines).toContainEqual(
      expect.stringMatching(/^ {2}readers +notes +incomplete +1 +fix their producer/),
    );
    await publish('new', 'new');
    await eventually(async () =>
      expect(await skipped()).toContainEqual(['reader', 'readers', 'notes', 'unknown-type', 2n]),
    );
    const { code, lines } = await run();
    expect(code).toBe(1);
    expect(lines.at(-1)).toBe(
      '  group readers skipped 2 events of notes of an unknown type: update the service reader, then "make replay GROUP=readers"',
    );
  });

  it('prints the status as one line of JSON', async () => {
    mesh = await startMesh([createReaderService().definition, opsService]);
    const { code, lines } = await run('--json');
    expect(code).toBe(0);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      process: { services: ['reader', 'ops'], database: 'sqlite' },
      health: expect.arrayContaining([expect.objectContaining({ status: 'HEALTH_STATUS_SERVING' })]),
      outboxes: [{ service: 'reader' }],
    });
  });

  describeWithServer(postgres, 'on PostgreSQL', () => {
    it('shows the same, and names the database', { timeout: 60_000 }, async () => {
      const server = await startPostgres();
      onTestFinished(() => server.stop());
      const bank = createWatchedService('bank', ['balances']);
      mesh = await startMesh([createReaderService().definition, bank.definition, opsService], {
        DATABASE_URL: server.url('status-<service>'),
      });
      const { code, lines, errors } = await run();
      expect({ code, errors }, lines.join('\n')).toEqual({ code: 0, errors: '' });
      expect(lines).toContainEqual(expect.stringMatching(/^ {2}outbox of reader: events +0 +-$/));
      expect(lines).toContainEqual(expect.stringMatching(/^ {2}bank\/balances +2 /));
      expect(lines).toContainEqual(expect.stringMatching(/^ {2}parts .* database postgres, /));
      expect(JSON.parse((await run('--json')).lines[0] ?? '')).toMatchObject({ process: { database: 'postgres' } });
    });
  });
});
