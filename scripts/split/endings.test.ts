import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../mesh/testing/eventually.ts';
import { spawnProcess } from '../../mesh/testing/servers/start-process.ts';
import { openSmallMesh, smallMain } from './testing/small-mesh.ts';

const ignore = () => undefined;

let small: Awaited<ReturnType<typeof openSmallMesh>>;

beforeEach(async () => {
  small = await openSmallMesh();
});
afterEach(async () => {
  await small[Symbol.asyncDispose]();
});

describe('the end of a split mesh', () => {
  it('kills a process that does not end, and logs which ones it waits for', async () => {
    const faults = { 'user-1': 'never ends' };
    const mesh = await small.supervise(['user-1', 'user-2'], { faults, drainSlackMs: 2_000, reportEveryMs: 400 });
    await mesh.start();
    expect(await mesh.stop()).toEqual(['user-1 ended with SIGKILL']);
    expect(small.log()).toMatch(/waiting for user-1\n(.*\n)*.*user-1 did not end in 2 s: killing it/);
  });

  it('leaves a process that a restart is ending time to drain', async () => {
    const mesh = await small.supervise(['user-1'], { faults: { 'user-1': 'drains' } });
    await mesh.start();
    small.hold();
    const said: string[] = [];
    const restarted = mesh.restart(['user'], (line) => said.push(line)).catch((error: Error) => error.message);
    await eventually(() => expect(small.history().at(-1)).toBe('user-1 drains'));
    const stopped = mesh.stop();
    small.release();
    expect(await stopped).toEqual([]);
    expect(small.history()).toEqual(['user-1 started', 'user-1 drains', 'user-1 ended']);
    expect(await restarted).toBe('user-1 was stopped while it was replaced');
    expect(said).toEqual([]);
  });

  it('is clean if it ends a process that does not listen to signals yet', async () => {
    const mesh = await small.supervise(['user-1'], { faults: { 'user-1': 'starts late' } });
    small.hold();
    const started = mesh.start();
    await eventually(() => expect(mesh.pidsOf('user-1')).toHaveLength(1));
    expect(await mesh.stop()).toEqual([]);
    await started;
    expect(small.history()).toEqual([]);
  });
});

describe('a gateway that is replaced', () => {
  const faults = { 'gateway-1': 'starts late' };

  it('is not started a third time if it dies while its successor starts', async () => {
    const mesh = await small.supervise(['gateway-1'], { faults });
    await mesh.start();
    small.hold();
    const restarted = mesh.restart(['gateway'], ignore);
    await eventually(() => expect(mesh.pidsOf('gateway-1')).toHaveLength(2));
    mesh.kill9('gateway-1');
    await eventually(() =>
      expect(small.log()).toContain('gateway-1 ended with SIGKILL while it was replaced: its successor starts'),
    );
    small.release();
    await restarted;
    expect(mesh.pidsOf('gateway-1')).toHaveLength(1);
    expect(small.history()).toEqual(['gateway-1 started', 'gateway-1 started']);
    // Its data folder is free for the next one.
    await mesh.restart(['gateway'], ignore);
    expect(await mesh.stop()).toEqual([]);
  });

  it('is started again if it died, and its successor does not serve in time', async () => {
    const mesh = await small.supervise(['gateway-1'], { faults, startTimeoutMs: 500 });
    await mesh.start();
    small.hold();
    const restarted = mesh.restart(['gateway'], ignore);
    await eventually(() => expect(mesh.pidsOf('gateway-1')).toHaveLength(2));
    mesh.kill9('gateway-1');
    await expect(restarted).rejects.toThrow('gateway-1 does not serve 0.5 s after its start');
    small.release();
    await eventually(() => expect(small.history()).toEqual(['gateway-1 started', 'gateway-1 started']));
    await eventually(() => expect(mesh.pidsOf('gateway-1')).toHaveLength(1));
    expect(await mesh.stop()).toEqual([]);
  });
});

describe('a split mesh whose supervisor is killed', () => {
  /** A supervisor of `user-1` and the gateway `gateway-1` in a process of its own. */
  async function startSupervising(fault = '') {
    const supervising = spawnProcess({
      main: 'scripts/split/testing/supervising-main.ts',
      args: [smallMain],
      dataDir: small.folder,
      environment: { HISTORY: small.historyFile, STOP_BY: small.stopFile, FAULT: fault },
    });
    const [, user, gateway] = await supervising.printed(/^ready (\d+) (\d+)$/m);
    return { ...supervising, user: Number(user), gateway: Number(gateway) };
  }

  it('drains its services and its gateways', async () => {
    await using supervising = await startSupervising();
    await supervising.end('SIGKILL');
    await eventually(() =>
      expect(small.history().toSorted().slice(0, 2)).toEqual(['gateway-1 ended', 'gateway-1 started']),
    );
    await eventually(() => expect(small.history().toSorted().slice(2)).toEqual(['user-1 ended', 'user-1 started']));
  });

  it('lets a process finish that drains already', async () => {
    small.hold();
    await using supervising = await startSupervising('drains');
    for (const pid of [supervising.user, supervising.gateway]) process.kill(pid, 'SIGTERM');
    await eventually(() => expect(small.history()).toContain('user-1 drains'));
    await eventually(() => expect(small.history()).toContain('gateway-1 drains'));
    await supervising.end('SIGKILL');
    small.release();
    await eventually(() =>
      expect(small.history()).toEqual(expect.arrayContaining(['user-1 ended', 'gateway-1 ended'])),
    );
    expect(small.history().filter((line) => line.endsWith('is cut off'))).toEqual([]);
  });

  it('keeps its gateways when their terminal closes', async () => {
    await using supervising = await startSupervising();
    process.kill(supervising.gateway, 'SIGHUP');
    // Handled in order, so this one would come too late for a gateway that the first one ended.
    process.kill(supervising.gateway, 'SIGTERM');
    await eventually(() => expect(small.history()).toContain('gateway-1 ended'));
  });
});
