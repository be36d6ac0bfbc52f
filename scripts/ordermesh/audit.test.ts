import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { opsService } from '../../services/ops/service.ts';
import { createWatchedService, type WatchedService } from '../../services/ops/testing/watched-service.ts';
import { spawnTool, unusedAddress } from './testing/spawn-tool.ts';

describe('make audit', () => {
  let mesh: TestMesh;
  let bank: WatchedService;

  beforeEach(async () => {
    bank = createWatchedService('bank', []);
    const nowhere = ['order', 'payment', 'inventory'].map((service) => `${service}=127.0.0.1:1`).join();
    mesh = await startMesh([bank.definition, createWatchedService('report', []).definition, opsService], {
      DISCOVERY_URL: `static:${nowhere}`,
    });
  });
  afterEach(() => mesh.stop());

  const run = (...args: string[]) => spawnTool('audit', mesh.address, args);
  const checkLine = (check: string, found: number) =>
    expect.stringMatching(new RegExp(`^${check}: ${found} findings, 3 examined in \\d+ ms$`));

  it('prints a line for each check and exits with 0 if nothing is found', async () => {
    const { code, lines, errors } = await run('bank/accounts', 'report/accounts');
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(lines).toEqual([checkLine('bank/accounts', 0), checkLine('report/accounts', 0), '2 checks, 0 findings']);
  });

  it('prints a line for each finding, escapes control characters, and exits with 1', async () => {
    bank.faults = [
      { reason: 'BALANCE_DIFFERS', ids: ['ada', '7'], message: 'the balance of ada differs' },
      { reason: 'ROW_DIFFERS', ids: [], message: 'a row \x1b[31m' },
    ];
    const { code, lines } = await run('bank/accounts');
    expect(code).toBe(1);
    expect(lines).toEqual([
      'bank/accounts found BALANCE_DIFFERS ada 7: the balance of ada differs',
      'bank/accounts found ROW_DIFFERS: a row \\u{1b}[31m',
      checkLine('bank/accounts', 2),
      '1 check, 2 findings',
    ]);
  });

  it('runs all checks by default and exits with 1 if one cannot finish', async () => {
    const { code, lines } = await run();
    expect(code).toBe(1);
    expect(lines).toHaveLength(9);
    expect(lines[2]).toMatch(/^orders\/charges: FAILED after \d+ ms: \w+: .* \(until then: 0 findings, 0 examined\)$/);
    expect(lines.at(-1)).toBe('5 of 8 checks could not finish; 0 findings');
    const status = await spawnTool('status', mesh.address, []);
    expect(status.lines).toContainEqual(expect.stringMatching(/ ago: 4 of 7 checks could not finish; 0 findings$/));
  });

  it('prints the messages of the contract as JSON lines', async () => {
    bank.faults = [{ reason: 'ROW_DIFFERS', ids: ['1'], message: 'a row' }];
    const { code, lines } = await run('bank/accounts', '--json');
    expect(code).toBe(1);
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { finding: { check: 'bank/accounts', reason: 'ROW_DIFFERS', ids: ['1'], message: 'a row' } },
      {
        check: {
          name: 'bank/accounts',
          examined: '3',
          findings: '1',
          duration: expect.stringMatching(/^[\d.]+s$/),
          error: '',
        },
      },
    ]);
  });

  it('exits with 1 if something is found, even if other checks could not finish', async () => {
    bank.faults = [{ reason: 'ROW_DIFFERS', ids: ['1'], message: 'a row' }];
    expect(await run()).toMatchObject({ code: 1 });
  });

  it('lists the available checks when the requested one is unknown', async () => {
    const { code, errors } = await run('bank/balances');
    expect(code).toBe(4);
    expect(errors).toMatch(
      /^refused with INVALID_ARGUMENT \(INVALID_FIELD\): .*must be one of bank\/accounts, report\/accounts, .*\n$/,
    );
  });

  it('shows its usage on request and after an unknown option', async () => {
    expect(await run('help')).toMatchObject({
      code: 0,
      lines: expect.arrayContaining([expect.stringContaining('<check>')]),
    });
    const refused = await run('--all');
    expect(refused.code).toBe(2);
    expect(refused.errors).toContain("Unknown option '--all'");
    expect(refused.errors).toContain('run these checks');
  });

  it('explains what to do if the mesh cannot be reached', async () => {
    const address = await unusedAddress();
    const { code, errors } = await spawnTool('audit', address, []);
    expect(code).toBe(3);
    expect(errors).toBe(
      `the mesh at ${address} cannot be reached: run "make start" in another terminal, or set ADDRESS\n`,
    );
  });
});
