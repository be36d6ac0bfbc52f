import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { delimiter, dirname } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { ghz } from '../../mesh/testing/servers/go-tools.ts';
import { nghttp2 } from '../../mesh/testing/servers/nghttp2.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import type { SpawnedProcess } from '../../mesh/testing/servers/spawn-command.ts';
import { type StartedProcess, spawnProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { missingLine, shownCommands } from '../../test/docs/support/shown-commands.ts';
import { parseMetrics } from '../../test/support/parse-metrics.ts';
import { unusedAddress } from '../ordermesh/testing/spawn-tool.ts';

const commands = shownCommands(await readFile('docs/load.md', 'utf8'));
const path = `${dirname(ghz.path)}${delimiter}${process.env.PATH}`;

function startLoad(variables: Record<string, string>): SpawnedProcess {
  return spawnProcess({ main: 'scripts/load.ts', dataDir: 'none', environment: { PATH: path, ...variables } });
}

/** Runs `make load` with these variables and waits until it exits. */
async function load(variables: Record<string, string>) {
  await using run = startLoad(variables);
  const { code } = await run.ended;
  return { code, printed: run.stdout(), errors: run.stderr() };
}

describe('make load', () => {
  it('lists the profiles without a PROFILE', async () => {
    const { code, printed } = await load({});
    expect(code).toBe(0);
    expect(printed).toMatch(/^ {2}mixed +Reads, listings, new users, deposits and orders at the same time$/m);
  });

  it.each([
    [{ PROFILE: 'nope' }, /^unknown PROFILE "nope": use one of create, .*, watch\n$/],
    [{ PROFILE: '../package' }, /^unknown PROFILE "..\/package": use one of /],
    [{ PROFILE: 'read', ADDRESS: 'nonsense' }, /^invalid ADDRESS "nonsense": use <host>:<port>\n$/],
    [{ PROFILE: 'read', METRICS: 'nonsense' }, /^invalid METRICS "nonsense": use <host>:<port>\n$/],
    [{ PROFILE: 'read', DURATION: '10' }, /^invalid DURATION "10": use for example 500ms, 30s or 5m\n$/],
    [{ PROFILE: 'read', CONCURRENCY: '0' }, /^invalid CONCURRENCY "0": use a number, minimum 1\n$/],
    [{ PROFILE: 'ramp', RPS: '100' }, /^"GetUser .*" has its own schedule: leave RPS out\n$/],
    [{ PROFILE: 'read', PATH: '/nowhere' }, /^ghz is missing: run "make deps-peers" /],
  ])('refuses %j before it calls anything', async (variables, message) => {
    const { code, errors } = await load(variables);
    expect({ code, errors }).toEqual({ code: 2, errors: expect.stringMatching(message) });
  });
});

describeWithServer(ghz, 'make load', () => {
  const stack = new AsyncDisposableStack();
  let mesh: StartedProcess;
  let metrics: string;
  let variables: Record<string, string>;

  beforeAll(async () => {
    const folder = stack.use(await tempFolder());
    metrics = await unusedAddress();
    mesh = stack.use(await startProcess({ dataDir: folder.path, environment: { METRICS_LISTEN: metrics } }));
    variables = { ADDRESS: mesh.address, DURATION: '500ms', CONCURRENCY: '16' };
  });
  afterAll(() => stack.disposeAsync());

  it.each([
    ['read', ['user.v1.UserService/GetUser']],
    ['create', ['user.v1.UserService/CreateUser']],
    ['hot-account', ['payment.v1.AccountService/Deposit']],
    ['spread-accounts', ['payment.v1.AccountService/Deposit']],
    ['list', ['user.v1.UserService/ListUsers']],
    ['import', ['user.v1.UserService/ImportUsers']],
    ['place-order', ['order.v1.OrderService/PlaceOrder']],
    ['ramp', ['user.v1.UserService/GetUser']],
    ['mixed', ['user.v1.UserService/ListUsers', 'payment.v1.AccountService/Deposit', 'all']],
  ])('runs %s without errors, audits and saves a report', { timeout: 60_000 }, async (profile, calls) => {
    const { code, printed, errors } = await load({ ...variables, PROFILE: profile });
    expect({ code, errors }, printed).toEqual({ code: 0, errors: '' });
    for (const call of calls) {
      // Its calls, calls per second, percentiles, no errors, and the cores of ghz.
      expect(printed).toMatch(
        new RegExp(`^${call} +(up to )?\\d+ +[1-9][\\d,]* +[\\d,]+( +[\\d.]+ m?s){4} +0 +\\d\\.\\d\\d$`, 'm'),
      );
    }
    expect(printed).toMatch(
      /^server: process \d+ used \d\.\d\d cores \([\d,]+ calls\/s of one core\), its event loop was busy \d+ % of the time, it has \d+ MB of memory$/m,
    );
    expect(printed).toMatch(/^calls +started +running at a time +waiting +streams +mean wait$/m);
    // Not faster than the calls that ghz counted, and at least these.
    const started = /^user\.v1\.UserService +([1-9][\d,]*) +\d+ +\d+ +\d+ +[\d.]+ m?s$/m;
    if (calls.some((call) => call.startsWith('user.'))) expect(printed).toMatch(started);
    expect(printed).toMatch(/^audit: \d+ checks, no findings$/m);
    const report = reportOf(printed);
    const page = await readFile(report, 'utf8');
    for (const call of calls) expect(page).toContain(`<td>${call}</td>`);
    await rm(report);
  });

  it('watches orders from before they begin until they end', { timeout: 180_000 }, async () => {
    const { code, printed, errors } = await load({ ...variables, PROFILE: 'watch', CONCURRENCY: '' });
    expect({ code, errors }, printed).toEqual({ code: 0, errors: '' });
    expect(printed).toMatch(/^order\.v1\.OrderService\/WatchOrder +400 +400 /m);
    const [, live] =
      /^watches: (\d+) of 400 began before their order had ended, /m.exec(printed) ?? expect.fail(printed);
    expect(Number(live), printed).toBeGreaterThan(360);
    expect(printed).toMatch(/^audit: \d+ checks, no findings$/m);
    await rm(reportOf(printed));
  });

  it('starts calls at the rate RPS', { timeout: 60_000 }, async () => {
    const { printed } = await load({ ...variables, PROFILE: 'read', RPS: '200' });
    const calls = Number(/^user.v1.UserService\/GetUser +200\/s +(\d+) /m.exec(printed)?.[1]);
    expect(calls, printed).toBeGreaterThan(80);
    expect(calls, printed).toBeLessThan(120);
    await rm(reportOf(printed));
  });

  describeWithServer(nghttp2, 'as docs/load.md shows it', () => {
    it.each(commands)('prints what the page shows: $script', { timeout: 60_000 }, async ({ script, output }) => {
      const short = script
        .replaceAll('localhost:50051', mesh.address)
        .replaceAll(/^make load (.*)$/gm, `env ADDRESS=${mesh.address} $1 node scripts/load.ts`)
        .replaceAll(/\b10s\b/g, '500ms')
        .replaceAll('-D 10 ', '-D 1 ');
      const { stdout } = await promisify(execFile)('bash', ['-ec', short], { env: { ...process.env, PATH: path } });
      expect(missingLine(output, stdout), stdout).toBeUndefined();
      const report = /^report: (\S+\.html)$/m.exec(stdout)?.[1];
      if (report) await rm(report);
    });
  });

  it('exits with 3 if there is no mesh', async () => {
    const address = await unusedAddress();
    const { code, errors } = await load({ PROFILE: 'read', ADDRESS: address });
    expect(errors).toBe(
      `the mesh at ${address} cannot be reached: run "make start" in another terminal, or set ADDRESS\n`,
    );
    expect(code).toBe(3);
  });

  it('exits with 1 if the audit finds something', { timeout: 60_000 }, async () => {
    const amount = { currencyCode: 'USD', minorUnits: 1n };
    const charge = { requestId: randomUUID(), orderId: 'of-no-order', userId: 'load-0', amount, owner: '' };
    await mesh.client(PaymentServiceContract).charge(charge);
    const { code, printed } = await load({ ...variables, PROFILE: 'read' });
    expect(code).toBe(1);
    expect(printed).toMatch(/^audit: orders\/charges: CHARGE_WITHOUT_ORDER: .* of-no-order, /m);
    await rm(reportOf(printed));
  });

  it('kills the other runs and exits with 1 if one run of ghz fails', { timeout: 60_000 }, async () => {
    await using run = startLoad({ ...variables, PROFILE: 'mixed', DURATION: '40s' });
    const runs = await eventually(
      () => {
        const found = childrenOf(run.child.pid, 'ghz');
        expect(found).toHaveLength(5);
        return found;
      },
      { timeoutMs: 30_000 },
    );
    process.kill(runs[2] ?? expect.fail(), 'SIGKILL');
    expect(await run.ended).toMatchObject({ code: 1 });
    expect(run.stderr()).toMatch(/^ghz failed on \S+: killed by SIGKILL\n$/);
    expect(runs.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
  });

  it.each([
    ['that nobody serves', () => unusedAddress(), /ECONNREFUSED/],
    ['of something else', () => mesh.address, /./],
  ])('reports metrics %s', { timeout: 60_000 }, async (_, addressOf, problem) => {
    const address = await addressOf();
    const { printed } = await load({ ...variables, PROFILE: 'read', METRICS: address });
    const [, shown] = /^metrics at (?:\S+) cannot be read: (.*)$/m.exec(printed) ?? expect.fail(printed);
    expect(printed).toContain(`metrics at ${address} cannot`);
    expect(shown).toMatch(problem);
    await rm(reportOf(printed));
  });

  it('shows how to get the metrics if the mesh chose their port', { timeout: 60_000 }, async () => {
    await using folder = await tempFolder();
    const environment = { METRICS_LISTEN: '127.0.0.1:0' };
    await using other = await startProcess({ dataDir: folder.path, environment });
    const { printed } = await load({ ...variables, ADDRESS: other.address, PROFILE: 'read' });
    expect(printed).toMatch(/^metrics: set METRICS to the METRICS_LISTEN of the mesh to see them$/m);
    await rm(reportOf(printed));
  });

  it('shows errors by code and saves a report if the mesh stops during the run', { timeout: 60_000 }, async () => {
    const before = await startedCalls();
    await using run = startLoad({ ...variables, PROFILE: 'read', DURATION: '5s' });
    await eventually(async () => expect(await startedCalls()).toBeGreaterThan(before + 50), { timeoutMs: 30_000 });
    await mesh.kill9();
    expect(await run.ended).toMatchObject({ code: 3 });
    expect(run.stdout()).toMatch(/^errors of user.v1.UserService.GetUser: .*[\d,]+ x Unavailable/m);
    expect(run.stdout()).toMatch(/^metrics at \S+ cannot be read: /m);
    const failure = `the mesh at ${mesh.address} cannot be reached`;
    expect(run.stderr()).toMatch(new RegExp(`^${failure}: `));
    const report = reportOf(run.stdout());
    expect(await readFile(report, 'utf8')).toMatch(new RegExp(`<h2>Audit</h2>\n<pre>${failure}: `));
    await rm(report);
  });

  /** The calls of users that the mesh has begun. */
  async function startedCalls(): Promise<number> {
    const response = await fetch(`http://${metrics}/metrics`);
    const values = parseMetrics(await response.text());
    return values.get('ordermesh_calls_started_total{contract="user.v1.UserService"}') ?? expect.fail('no such metric');
  }
});

/** Returns the processes that a process has started and that run a program of this name. */
function childrenOf(pid: number | undefined, name: string): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return children.filter((child) => readFileSync(`/proc/${child}/comm`, 'utf8') === `${name}\n`).map(Number);
}

function reportOf(printed: string): string {
  return /^report: (\S+\.html)$/m.exec(printed)?.[1] ?? expect.fail(`no report:\n${printed}`);
}
