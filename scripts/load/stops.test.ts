import { existsSync, readdirSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../mesh/testing/eventually.ts';
import { ghz } from '../../mesh/testing/servers/go-tools.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { type StartedProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { unusedAddress } from '../ordermesh/testing/spawn-tool.ts';
import { ghzProcesses, isRunning, reportOf, startedCalls, startLoad } from './testing/run-load.ts';

describeWithServer(ghz, 'make load that is stopped', () => {
  const stack = new AsyncDisposableStack();
  let mesh: StartedProcess;
  let metrics: string;
  let variables: Record<string, string>;

  beforeAll(async () => {
    const folder = stack.use(await tempFolder());
    metrics = await unusedAddress();
    mesh = stack.use(await startProcess({ dataDir: folder.path, environment: { METRICS_LISTEN: metrics } }));
    variables = { ADDRESS: mesh.address, CONCURRENCY: '16' };
  });
  afterAll(() => stack.disposeAsync());

  it('kills the other runs and exits with 1 if one run of ghz fails', { timeout: 60_000 }, async () => {
    await using run = startLoad({ ...variables, PROFILE: 'mixed', DURATION: '40s' });
    const runs = await ghzProcesses(run, 5);
    process.kill(runs[2] ?? expect.fail(), 'SIGKILL');
    expect(await run.ended).toMatchObject({ code: 1 });
    expect(run.stderr()).toMatch(/^ghz failed on \S+: killed by SIGKILL\n$/);
    expect(runs.filter(isRunning)).toEqual([]);
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'kills all runs of ghz and removes their files at %s',
    { timeout: 60_000 },
    async (signal) => {
      await using run = startLoad({ ...variables, PROFILE: 'mixed', DURATION: '40s' });
      const runs = await ghzProcesses(run, 5);
      expect(await run.end(signal)).toEqual({ code: null, signal });
      expect(run.stderr()).toBe(`stopped by ${signal}: not audited: run "make audit"\n`);
      await eventually(() => expect(runs.filter(isRunning)).toEqual([]));
      expect(readdirSync('.cache/load').filter((file) => file.startsWith(`${run.child.pid}-`))).toEqual([]);
    },
  );

  it('reports a mesh that stops while orders are placed to be watched', { timeout: 60_000 }, async () => {
    await using folder = await tempFolder();
    const environment = { METRICS_LISTEN: await unusedAddress() };
    await using other = await startProcess({ dataDir: folder.path, environment });
    await using run = startLoad({ ADDRESS: other.address, PROFILE: 'watch', DURATION: '40s' });
    await eventually(
      async () => expect(await startedCalls(environment.METRICS_LISTEN, 'order.v1.OrderService')).toBeGreaterThan(50),
      { timeoutMs: 30_000 },
    );
    await other.kill9();
    expect(await run.ended).toMatchObject({ code: 3 });
    expect(run.stderr()).toBe(
      `the mesh at ${other.address} stopped before the load; not audited: run "make start", then "make audit"\n`,
    );
  });

  it('counts what succeeded and reports when the mesh stopped if it stops during the run', {
    timeout: 60_000,
  }, async () => {
    const before = await startedCalls(metrics, 'order.v1.OrderService');
    await using run = startLoad({ ...variables, PROFILE: 'place-order', DURATION: '6s' });
    await ghzProcesses(run, 1);
    await eventually(
      async () => expect(await startedCalls(metrics, 'order.v1.OrderService')).toBeGreaterThan(before + 50),
      { timeoutMs: 30_000 },
    );
    await mesh.kill9();
    expect(await run.ended).toMatchObject({ code: 3 });

    const [printed, errors] = [run.stdout(), run.stderr()];
    const [, seconds, accepted] =
      /^the mesh at \S+ stopped after ([\d.]+) s; ([\d,]+) orders were accepted; not audited: run "make start", then "make audit"\n$/.exec(
        errors,
      ) ?? expect.fail(`${printed}${errors}`);
    const [, calls, perSecond, failed] =
      /^order.v1.OrderService\/PlaceOrder +16 +([\d,]+) +([\d,]+) .* ([\d,]+) +\d\.\d\d$/m.exec(printed) ??
      expect.fail(printed);
    expect(calls).toBe(accepted);
    expect(numberOf(failed)).toBeGreaterThan(0);
    expect(numberOf(seconds)).toBeLessThan(6);
    // The rate is of the same time, which is printed in tenths of a second. It is rounded, which matters on a slow machine.
    const offBy = 0.05 + (0.5 * numberOf(seconds)) / numberOf(perSecond);
    expect(Math.abs(numberOf(calls) / numberOf(perSecond) - numberOf(seconds))).toBeLessThan(offBy + 0.01);
    expect(printed).toMatch(/^errors of order.v1.OrderService.PlaceOrder: .*[\d,]+ x Unavailable/m);
    expect(printed).toMatch(/^metrics at \S+ cannot be read: /m);

    const report = reportOf(printed);
    expect(existsSync(report)).toBe(true);
    expect(await readFile(report, 'utf8')).toContain(`<h2>Audit</h2>\n<pre>the mesh at ${mesh.address} stopped after `);
    await rm(report);
  });
});

function numberOf(text = ''): number {
  return Number(text.replaceAll(',', ''));
}
