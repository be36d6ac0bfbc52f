import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../mesh/testing/eventually.ts';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { spawnProcess } from '../../mesh/testing/servers/start-process.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { createLaunches } from './launch.ts';
import { createOutput } from './output.ts';
import { createSupervisor, type Supervisor } from './supervisor.ts';

const small = fileURLToPath(new URL('./testing/small-main.ts', import.meta.url));
const launches = createLaunches(small);

describe('the supervisor of a split mesh', () => {
  let folder: TempFolder;
  let log: string[];
  let supervisor: Supervisor | undefined;

  beforeEach(async () => {
    folder = await tempFolder();
    log = [];
  });
  afterEach(async () => {
    supervisor?.kill();
    await supervisor?.stop();
    await folder[Symbol.asyncDispose]();
  });

  const historyFile = () => join(folder.path, 'history');
  const stopFile = () => join(folder.path, 'stop');
  const history = () => (existsSync(historyFile()) ? readFileSync(historyFile(), 'utf8').trim().split('\n') : []);

  /** Supervises processes with these names, such as `order-1`. `faults`: what they do wrong, by name. */
  async function supervise(
    names: readonly string[],
    faults: Readonly<Record<string, string>> = {},
    drainTimeoutMs = 0,
    successor?: Readonly<Record<string, string>>,
  ) {
    const doorAddress = `127.0.0.1:${await freePort()}`;
    const plan = names.map((name) => {
      const service = name.replace(/-\d$/, '');
      const address = service === 'gateway' ? doorAddress : '127.0.0.1:0';
      const files = { HISTORY: historyFile(), STOP_BY: stopFile(), FAULT: faults[name] ?? '', DATA_DIR: folder.path };
      return {
        name,
        service,
        address,
        environment: { GRPC_LISTEN: address, NAME: name, ...files },
        ...(successor && { successor }),
      };
    });
    const output = createOutput({ write: (line) => log.push(line) });
    const created = createSupervisor({ plan, door: 'gateway', launches, output, drainTimeoutMs, settleMs: 0 });
    supervisor = created;
    const pidOf = (name: string) => created.processes.find((process) => process.plan.name === name)?.pids()[0];
    const kill9 = (name: string) => process.kill(pidOf(name) ?? expect.fail(`${name} does not run`), 'SIGKILL');
    return { ...created, pidOf, kill9, doorAddress };
  }

  it('starts those that are called first and the door last, and ends them in the opposite order', async () => {
    const mesh = await supervise(['user-1', 'order-1', 'ops-1', 'gateway-1']);
    await mesh.start();
    expect(history()).toEqual(['user-1 started', 'order-1 started', 'ops-1 started', 'gateway-1 started']);
    expect(await mesh.stop()).toEqual([]);
    expect(history().slice(4)).toEqual(['gateway-1 ended', 'ops-1 ended', 'order-1 ended', 'user-1 ended']);
  });

  it('starts a process that was killed again, after growing pauses', async () => {
    const mesh = await supervise(['user-1', 'order-1']);
    await mesh.start();
    for (const [index, pause] of ['0.1', '0.2', '0.4'].entries()) {
      mesh.kill9('user-1');
      await eventually(() =>
        expect(log.join('')).toContain(`user-1 ended with SIGKILL: starting it again in ${pause} s`),
      );
      await eventually(() => expect(history().filter((line) => line === 'user-1 started')).toHaveLength(index + 2));
    }
    expect(history()).not.toContain('order-1 ended');
    expect(await mesh.stop()).toEqual([]);
  });

  it('does not start if a process cannot, and says what that process printed', async () => {
    writeFileSync(stopFile(), '');
    const mesh = await supervise(['user-1', 'order-1', 'ops-1'], { 'order-1': 'cannot start' });
    await expect(mesh.start()).rejects.toThrow('order-1 cannot start: the port is in use');
    expect(await mesh.stop()).toEqual([]);
    expect(history()).toEqual(['user-1 started', 'user-1 ended']);
  });

  it('keeps trying if a process that served before cannot start for a while', async () => {
    const mesh = await supervise(['user-1'], { 'user-1': 'cannot start' });
    await mesh.start();
    writeFileSync(stopFile(), '');
    mesh.kill9('user-1');
    await eventually(() => expect(log.join('')).toContain('user-1 ended with exit code 2: starting it again in 0.2 s'));
    rmSync(stopFile());
    await eventually(() => expect(history()).toEqual(['user-1 started', 'user-1 started']));
    expect(await mesh.stop()).toEqual([]);
  });

  it('replaces one process after another', async () => {
    const mesh = await supervise(['user-1', 'user-2', 'order-1']);
    await mesh.start();
    const before = history().length;
    const said: string[] = [];
    await mesh.restart(['user'], (line) => said.push(line));
    expect(history().slice(before)).toEqual(['user-1 ended', 'user-1 started', 'user-2 ended', 'user-2 started']);
    expect(said).toEqual([
      expect.stringMatching(/^user-1 serves again after \d+\.\d s$/),
      expect.stringMatching(/^user-2 serves again after \d+\.\d s$/),
    ]);
    mesh.kill9('order-1');
    await eventually(() => expect(mesh.pidOf('order-1')).toBeUndefined());
    await expect(mesh.restart(['order'], () => undefined)).rejects.toThrow(
      'order-1 is not serving: wait until it serves',
    );
    await expect(mesh.restart(['usr'], () => undefined)).rejects.toThrow(
      'usr is neither a service nor a process: use all, user, user-1, user-2, order, order-1',
    );
  });

  it('replaces all processes that are named, each once, or none if a name is wrong', async () => {
    const mesh = await supervise(['user-1', 'order-1', 'payment-1']);
    await mesh.start();
    const before = history().length;
    await expect(mesh.restart(['order', 'usr'], () => undefined)).rejects.toThrow('usr is neither');
    expect(history()).toHaveLength(before);
    await mesh.restart(['order', 'payment-1', 'payment'], () => undefined);
    const replaced = history().slice(before);
    expect(replaced).toEqual(['order-1 ended', 'order-1 started', 'payment-1 ended', 'payment-1 started']);
  });

  it('starts the successor of a process that registers at another address, and then ends the old one', async () => {
    const port = await freePort();
    const mesh = await supervise(['user-1'], {}, 0, { GRPC_LISTEN: `127.0.0.1:${port}` });
    await mesh.start();
    const addresses = [mesh.processes[0]?.address()];
    for (let time = 0; time < 2; time++) {
      await mesh.restart(['user'], () => undefined);
      addresses.push(mesh.processes[0]?.address());
    }
    expect(history()).toEqual(['user-1 started', 'user-1 started', 'user-1 ended', 'user-1 started', 'user-1 ended']);
    expect(addresses[1]).toBe(`127.0.0.1:${port}`);
    expect(addresses[2]).not.toBe(addresses[1]);
    expect(await mesh.stop()).toEqual([]);
  });

  it('replaces doors without refusing a connection', async () => {
    const mesh = await supervise(['gateway-1', 'gateway-2']);
    await mesh.start();
    const before = history().length;
    const [host, port] = mesh.doorAddress.split(':');
    let isDone = false;
    const calling = (async () => {
      const answers = new Map<string, string>();
      while (!isDone) {
        const socket = connect(Number(port), host);
        await once(socket, 'connect');
        const answer = await text(socket);
        const [pid = '', dataDir = ''] = answer.split(' ');
        if (answer !== '') answers.set(pid, dataDir);
      }
      return answers;
    })();
    await mesh.restart(['gateway'], () => undefined);
    isDone = true;
    const answers = await calling;
    expect(history().slice(before)).toEqual([
      'gateway-1 started',
      'gateway-1 ended',
      'gateway-2 started',
      'gateway-2 ended',
    ]);
    expect(answers.size).toBeGreaterThan(2);
    // The new one and the old one have a data folder each.
    expect(new Set(answers.values())).toEqual(new Set([`${folder.path}.1`, `${folder.path}.2`]));
    expect(await mesh.stop()).toEqual([]);
  });

  it('kills a process that does not end, and reports it', { timeout: 20_000 }, async () => {
    const mesh = await supervise(['user-1'], { 'user-1': 'never ends' });
    await mesh.start();
    expect(await mesh.stop()).toEqual(['user-1 ended with SIGKILL']);
    expect(log.join('')).toContain('user-1 did not end in 3 s: killing it');
  });

  it('drains its processes when it is killed itself', async () => {
    const main = 'scripts/split/testing/supervising-main.ts';
    const environment = { HISTORY: historyFile() };
    await using supervising = spawnProcess({ main, args: [small], dataDir: folder.path, environment });
    await supervising.printed(/^ready$/m);
    await supervising.end('SIGKILL');
    await eventually(() => expect(history()).toEqual(['user-1 started', 'user-1 ended']));
  });
});
