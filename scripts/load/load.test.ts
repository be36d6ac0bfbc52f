import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { ghz } from '../../mesh/testing/servers/go-tools.ts';
import { nghttp2 } from '../../mesh/testing/servers/nghttp2.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { type StartedProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { missingLine, shownCommands } from '../../test/docs/support/shown-commands.ts';
import { unusedAddress } from '../ordermesh/testing/spawn-tool.ts';
import { load, path, reportOf } from './testing/run-load.ts';

const commands = shownCommands(await readFile('docs/load.md', 'utf8'));

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
    [
      { PROFILE: 'read', ORDERMESH_TOKEN: 'a.b.c' },
      /^make load cannot call a mesh with TLS or tokens yet: use one without\n$/,
    ],
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
    const started = /^user\.v1\.UserService +([1-9][\d,]*) +(?:\d+|-) +\d+ +\d+ +[\d.]+ m?s$/m;
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
    // 100, but ghz or its timer may pause on a busy machine. Without the rate there are thousands.
    expect(calls, printed).toBeGreaterThan(20);
    expect(calls, printed).toBeLessThan(200);
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
    expect(printed).toMatch(/^metrics: set METRICS to the METRICS_LISTEN of the mesh to see its calls here; /m);
    await rm(reportOf(printed));
  });

  it('announces what it creates, and shows how to get metrics if the mesh has none', { timeout: 60_000 }, async () => {
    await using folder = await tempFolder();
    await using other = await startProcess({ dataDir: folder.path });
    const created = `creating 1,000 users, 100 items, 100 accounts (load-0, load-1, …) in the mesh at ${other.address}, which stay there\n`;
    const first = await load({ ...variables, ADDRESS: other.address, PROFILE: 'read' });
    expect(first.printed.startsWith(created), first.printed).toBe(true);
    expect(first.printed).toMatch(/^metrics: the mesh serves none: start it with METRICS_LISTEN=127\.0\.0\.1:9464 /m);
    await rm(reportOf(first.printed));
    const second = await load({ ...variables, ADDRESS: other.address, PROFILE: 'read' });
    expect(second.printed).toMatch(/^GetUser of 1,000 users, on /);
    await rm(reportOf(second.printed));
  });
});
