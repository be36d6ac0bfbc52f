import { Status } from 'nice-grpc-common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MeshError } from '../../mesh/errors/mesh-error.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { spawnProcess } from '../../mesh/testing/servers/start-process.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { sleep } from '../../mesh/time/sleep.ts';
import { opsService } from '../../services/ops/service.ts';
import { createWatchedService, type WatchedService } from '../../services/ops/testing/watched-service.ts';
import { rebuildCommand } from './rebuild.ts';
import { runHere } from './testing/run-here.ts';
import { spawnTool, unusedAddress } from './testing/spawn-tool.ts';

describe('make rebuild', () => {
  let mesh: TestMesh;
  let bank: WatchedService;

  beforeEach(async () => {
    bank = createWatchedService('bank', ['balances', 'statements']);
    mesh = await startMesh([bank.definition, createWatchedService('report', ['balances']).definition, opsService]);
  });
  afterEach(() => mesh.stop());

  const run = (...args: string[]) => spawnTool('rebuild', mesh.address, args);
  const counted = (differ: number) =>
    expect.stringMatching(new RegExp(`^42 of 42 events, \\d+/s; 7 rows compared, ${differ} differ$`));
  const differences = [
    { key: 'ada', live: '{"balance":"1"}', rebuilt: '{"balance":"2"}' },
    { key: 'tom\x1b[31m', live: undefined, rebuilt: '{}' },
  ];
  const adaDiffers = ['ada', '  live     {"balance":"1"}', '  rebuilt  {"balance":"2"}'];
  const tomDiffers = ['tom\\u{1b}[31m', '  live     (missing)', '  rebuilt  {}'];

  it('lists the projections and how far behind they are if no name is given', async () => {
    const { code, lines, errors } = await run();
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    const rows = lines.map((line) => line.split(/ {2,}/));
    expect(rows).toEqual([
      ['PROJECTION', 'EVENTS BEHIND', 'FOR', 'PARKED', 'GENERATION', 'STATE'],
      ['bank/balances', '2', expect.stringMatching(/^\d{5,}\.\d s$/), '0', '1', 'live'],
      ['bank/statements', '2', '-', '1', '1', 'live'],
      ['report/balances', '2', expect.stringMatching(/ s$/), '0', '1', 'live'],
    ]);
  });

  it('rebuilds a projection and reports that nothing differed', async () => {
    const { code, lines, errors } = await run('statements');
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(lines).toEqual([
      counted(0),
      'hash of the live projection     aa',
      'hash of the rebuilt projection  aa',
      'switched to the rebuilt projection: no differences',
    ]);
    expect(bank.rebuilt).toEqual(['statements']);
  });

  it('shows the rows that differed and reports that they are fixed', async () => {
    bank.differences = differences;
    const { code, lines } = await run('bank/balances');
    expect(code).toBe(0);
    expect(lines).toEqual([
      counted(2),
      ...adaDiffers,
      ...tomDiffers,
      'hash of the live projection     aa',
      'hash of the rebuilt projection  bb',
      'switched to the rebuilt projection: the rows above are fixed',
    ]);
  });

  it('only compares in a dry run and exits with 1 if rows differ', async () => {
    expect(await run('bank/balances', '--dry-run')).toMatchObject({ code: 0 });
    bank.differences = differences;
    const { code, lines } = await run('bank/balances', '--dry-run');
    expect(code).toBe(1);
    expect(lines).toEqual(expect.arrayContaining([counted(2), ...adaDiffers]));
    expect(lines.at(-1)).toMatch(/^nothing changed/);
    expect(bank.rebuilt).toEqual(['balances discarded', 'balances discarded']);
  });

  it('cancels the rebuild when the tool is interrupted', async () => {
    const started = Promise.withResolvers<void>();
    bank.pause = async (signal) => {
      started.resolve();
      await sleep(mesh.runtime.clock, 60_000, signal);
    };
    await using tool = spawnProcess({
      main: 'scripts/ordermesh.ts',
      args: ['rebuild', 'statements'],
      dataDir: 'none',
      environment: { ADDRESS: mesh.address },
    });
    await started.promise;
    tool.child.kill('SIGINT');
    await tool.ended;
    await eventually(() => expect(bank.rebuilt).toEqual(['statements discarded']));
  });

  it('shows only the error text if the mesh itself is unavailable', async () => {
    const text = 'the database bank.db was deleted: copy what the process has open';
    bank.pause = () => Promise.reject(new MeshError(Status.UNAVAILABLE, 'STORAGE_LOST', text));
    expect(await run('statements')).toMatchObject({ code: 3, errors: `${text}\n` });
  });

  it('lists the projections if the name is unknown or ambiguous', async () => {
    const unknown = await run('nothing');
    expect(unknown.code).toBe(4);
    expect(unknown.errors).toMatch(
      /^refused with NOT_FOUND \([A-Z_]+\): projection "nothing" not found: .*bank\/balances, bank\/statements, report\/balances/,
    );
    const ambiguous = await run('balances');
    expect(ambiguous.code).toBe(4);
    expect(ambiguous.errors).toMatch(
      /^refused with NOT_FOUND \([A-Z_]+\): projection "balances" is ambiguous: .* bank\/balances, report\/balances/,
    );
  });

  it('shows its usage on request', async () => {
    const { code, lines } = await run('help');
    expect(code).toBe(0);
    expect(lines.join('\n')).toContain('list the projections');
  });

  it('reports that there are no projections, or no mesh', async () => {
    const empty = await startMesh([opsService]);
    const none = await spawnTool('rebuild', empty.address, []);
    await empty.stop();
    expect(none).toMatchObject({ code: 0, lines: ['no projections'] });
    const address = await unusedAddress();
    const { code, errors } = await spawnTool('rebuild', address, ['statements']);
    expect(code).toBe(3);
    expect(errors).toMatch(`the mesh at ${address} cannot be reached`);
  });
});

describe('rebuild, before it calls', () => {
  it.each([
    [['a', 'b'], 'only one projection can be rebuilt at a time'],
    [['--dry-run'], '--dry-run requires the name of a projection'],
    [['a', '--force'], "Unknown option '--force'"],
  ])('refuses %j and shows its usage', async (args, problem) => {
    const { code, errors } = await runHere(rebuildCommand, 'unused:1', args);
    expect(code).toBe(2);
    expect(errors).toContain(problem);
    expect(errors).toContain('<projection> --dry-run');
  });
});
