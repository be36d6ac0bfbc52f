import { Status } from 'nice-grpc-common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MeshError } from '../mesh/errors/mesh-error.ts';
import { eventually } from '../mesh/testing/eventually.ts';
import { startMesh, type TestMesh } from '../mesh/testing/start-mesh.ts';
import { sleep } from '../mesh/time/sleep.ts';
import { createOpsService } from '../services/ops/service.ts';
import { createWatchedService, type WatchedService } from '../services/ops/testing/watched-service.ts';
import { spawnProcess } from '../test/support/start-process.ts';
import { spawnTool, unusedAddress } from './testing/spawn-tool.ts';

describe('make rebuild', () => {
  let mesh: TestMesh;
  let bank: WatchedService;

  beforeEach(async () => {
    bank = createWatchedService('bank', ['balances', 'statements']);
    mesh = await startMesh([bank.create, createWatchedService('report', ['balances']).create, createOpsService]);
  });
  afterEach(() => mesh.stop());

  const run = (...args: string[]) => spawnTool('scripts/rebuild.ts', mesh.address, args);
  const counted = (differ: number) =>
    expect.stringMatching(new RegExp(`^42 of 42 events, \\d+ a second; 7 rows compared, ${differ} differ$`));
  const differences = [
    { key: 'ada', live: '{"balance":"1"}', rebuilt: '{"balance":"2"}' },
    { key: 'tom\x1b[31m', live: undefined, rebuilt: '{}' },
  ];
  const told = ['ada', '  live     {"balance":"1"}', '  rebuilt  {"balance":"2"}'];
  const toldToo = ['tom\\u{1b}[31m', '  live     no such row', '  rebuilt  {}'];

  it('lists the projections when none is named, with how far each is behind', async () => {
    const { code, lines, errors } = await run();
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    const rows = lines.map((line) => line.split(/ {2,}/));
    expect(rows).toEqual([
      ['PROJECTION', 'EVENTS BEHIND', 'FOR', 'PARKED', 'GENERATION', 'STATE'],
      ['bank/balances', '2', expect.stringMatching(/^\d{5,}\.\d s$/), '0', '1', 'answers'],
      ['bank/statements', '2', '-', '1', '1', 'answers'],
      ['report/balances', '2', expect.stringMatching(/ s$/), '0', '1', 'answers'],
    ]);
  });

  it('makes one again, and says that it is the same', async () => {
    const { code, lines, errors } = await run('statements');
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(lines).toEqual([
      counted(0),
      'hash of what answered  aa',
      'hash of the new one    aa',
      'the new one answers now: it is the same',
    ]);
    expect(bank.rebuilt).toEqual(['statements']);
  });

  it('shows the rows that differ, and says that they are replaced', async () => {
    bank.differences = differences;
    const { code, lines } = await run('bank/balances');
    expect(code).toBe(0);
    expect(lines).toEqual([
      counted(2),
      ...told,
      ...toldToo,
      'hash of what answered  aa',
      'hash of the new one    bb',
      'the new one answers now: the rows that differed are replaced',
    ]);
  });

  it('only compares in a dry run, and exits with 1 when rows differ', async () => {
    expect(await run('bank/balances', '--dry-run')).toMatchObject({ code: 0 });
    bank.differences = differences;
    const { code, lines } = await run('bank/balances', '--dry-run');
    expect(code).toBe(1);
    expect(lines).toEqual(expect.arrayContaining([counted(2), ...told]));
    expect(lines.at(-1)).toMatch(/^nothing was changed/);
    expect(bank.rebuilt).toEqual(['balances thrown away', 'balances thrown away']);
  });

  it('is called off with the tool', async () => {
    const begun = Promise.withResolvers<void>();
    bank.pause = async (signal) => {
      begun.resolve();
      await sleep(mesh.runtime.clock, 60_000, signal);
    };
    await using tool = spawnProcess({
      main: 'scripts/rebuild.ts',
      args: ['statements'],
      dataDir: 'none',
      environment: { ADDRESS: mesh.address },
    });
    await begun.promise;
    tool.child.kill('SIGINT');
    await tool.ended;
    await eventually(() => expect(bank.rebuilt).toEqual(['statements thrown away']));
  });

  it('shows the text of the mesh alone when the mesh answers that it cannot work', async () => {
    const text = 'the database bank.db was deleted: copy what the process has open';
    bank.pause = () => Promise.reject(new MeshError(Status.UNAVAILABLE, 'STORAGE_LOST', text));
    expect(await run('statements')).toMatchObject({ code: 2, errors: `${text}\n` });
  });

  it('says which projections there are when one is unknown or may be several', async () => {
    const unknown = await run('nothing');
    expect(unknown.code).toBe(2);
    expect(unknown.errors).toMatch(
      /^refused with NOT_FOUND: .* nothing: .*bank\/balances, bank\/statements, report\/balances/,
    );
    const ambiguous = await run('balances');
    expect(ambiguous.code).toBe(2);
    expect(ambiguous.errors).toMatch(
      /^refused with NOT_FOUND: balances may be any of bank\/balances, report\/balances/,
    );
  });

  it.each([
    [['a', 'b'], 'one projection at a time can be made again'],
    [['--dry-run'], '--dry-run needs the name of a projection'],
    [['a', '--force'], "Unknown option '--force'"],
  ])('refuses %j and shows its usage', async (args, problem) => {
    const { code, errors } = await run(...args);
    expect(code).toBe(2);
    expect(errors).toContain(problem);
    expect(errors).toContain('<projection> --dry-run');
  });

  it('shows its usage when asked', async () => {
    const { code, lines } = await run('help');
    expect(code).toBe(0);
    expect(lines.join('\n')).toContain('lists the projections');
  });

  it('says so when there are no projections, and when there is no mesh', async () => {
    const empty = await startMesh([createOpsService]);
    const none = await spawnTool('scripts/rebuild.ts', empty.address, []);
    await empty.stop();
    expect(none).toMatchObject({ code: 0, lines: ['there are no projections'] });
    const address = await unusedAddress();
    const { code, errors } = await spawnTool('scripts/rebuild.ts', address, ['statements']);
    expect(code).toBe(2);
    expect(errors).toMatch(`the mesh at ${address} cannot be reached`);
  });
});
