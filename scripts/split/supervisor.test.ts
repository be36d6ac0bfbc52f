import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../mesh/testing/eventually.ts';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { openSmallMesh } from './testing/small-mesh.ts';

describe('the supervisor of a split mesh', () => {
  let small: Awaited<ReturnType<typeof openSmallMesh>>;

  beforeEach(async () => {
    small = await openSmallMesh();
  });
  afterEach(async () => {
    await small[Symbol.asyncDispose]();
  });

  it('starts those that are called first and the gateway last, and ends them in the opposite order', async () => {
    const mesh = await small.supervise(['user-1', 'order-1', 'ops-1', 'gateway-1']);
    await mesh.start();
    expect(small.history()).toEqual(['user-1 started', 'order-1 started', 'ops-1 started', 'gateway-1 started']);
    expect(await mesh.stop()).toEqual([]);
    expect(small.history().slice(4)).toEqual(['gateway-1 ended', 'ops-1 ended', 'order-1 ended', 'user-1 ended']);
  });

  it('has logged what a process wrote before it served when the start is complete', async () => {
    const names = ['user-1', 'user-2', 'user-3', 'gateway-1'];
    const mesh = await small.supervise(names);
    await mesh.start();
    for (const name of names) expect(small.log()).toContain(`${name} serves\n`);
  });

  it('starts a process that was killed again, after growing pauses', async () => {
    const mesh = await small.supervise(['user-1', 'order-1']);
    await mesh.start();
    for (const [index, pause] of ['0.1', '0.2', '0.4'].entries()) {
      mesh.kill9('user-1');
      await eventually(() =>
        expect(small.log()).toContain(`user-1 ended with SIGKILL: starting it again in ${pause} s`),
      );
      await eventually(() =>
        expect(small.history().filter((line) => line === 'user-1 started')).toHaveLength(index + 2),
      );
    }
    expect(small.history()).not.toContain('order-1 ended');
    expect(await mesh.stop()).toEqual([]);
  });

  it('does not start if a process cannot, and says what that process printed', async () => {
    small.hold();
    const mesh = await small.supervise(['user-1', 'order-1', 'ops-1'], { faults: { 'order-1': 'cannot start' } });
    await expect(mesh.start()).rejects.toThrow('order-1 cannot start: the port is in use');
    expect(await mesh.stop()).toEqual([]);
    expect(small.history()).toEqual(['user-1 started', 'user-1 ended']);
  });

  it('keeps trying if a process that served before cannot start for a while', async () => {
    const mesh = await small.supervise(['user-1'], { faults: { 'user-1': 'cannot start' } });
    await mesh.start();
    small.hold();
    mesh.kill9('user-1');
    await eventually(() => expect(small.log()).toContain('user-1 ended with exit code 2: starting it again in 0.2 s'));
    small.release();
    await eventually(() => expect(small.history()).toEqual(['user-1 started', 'user-1 started']));
    expect(await mesh.stop()).toEqual([]);
  });

  it('replaces one process after another', async () => {
    const mesh = await small.supervise(['user-1', 'user-2', 'order-1']);
    await mesh.start();
    const before = small.history().length;
    const said: string[] = [];
    await mesh.restart(['user'], (line) => said.push(line));
    expect(small.history().slice(before)).toEqual(['user-1 ended', 'user-1 started', 'user-2 ended', 'user-2 started']);
    expect(said).toEqual([
      expect.stringMatching(/^user-1 serves again after \d+\.\d s$/),
      expect.stringMatching(/^user-2 serves again after \d+\.\d s$/),
    ]);
    mesh.kill9('order-1');
    await eventually(() => expect(mesh.pidsOf('order-1')).toEqual([]));
    await expect(mesh.restart(['order'], () => undefined)).rejects.toThrow(
      'order-1 is not serving: wait until it serves',
    );
    await expect(mesh.restart(['usr'], () => undefined)).rejects.toThrow(
      'usr is neither a service nor a process: use all, user, user-1, user-2, order, order-1',
    );
  });

  it('replaces all processes that are named, each once, or none if a name is wrong', async () => {
    const mesh = await small.supervise(['user-1', 'order-1', 'payment-1']);
    await mesh.start();
    const before = small.history().length;
    await expect(mesh.restart(['order', 'usr'], () => undefined)).rejects.toThrow('usr is neither');
    expect(small.history()).toHaveLength(before);
    await mesh.restart(['order', 'payment-1', 'payment'], () => undefined);
    const replaced = small.history().slice(before);
    expect(replaced).toEqual(['order-1 ended', 'order-1 started', 'payment-1 ended', 'payment-1 started']);
  });

  it('replaces a service by its name in DISCOVERY_URL too', async () => {
    const mesh = await small.supervise(['bridge-1']);
    await mesh.start();
    await mesh.restart(['events'], () => undefined);
    expect(small.history()).toEqual(['bridge-1 started', 'bridge-1 ended', 'bridge-1 started']);
  });

  it('starts the successor of a process that registers at another address, and then ends the old one', async () => {
    const port = await freePort();
    const mesh = await small.supervise(['user-1'], { successor: { GRPC_LISTEN: `127.0.0.1:${port}` } });
    await mesh.start();
    const addresses = [mesh.processes[0]?.address()];
    for (let time = 0; time < 2; time++) {
      await mesh.restart(['user'], () => undefined);
      addresses.push(mesh.processes[0]?.address());
    }
    expect(small.history()).toEqual([
      'user-1 started',
      'user-1 started',
      'user-1 ended',
      'user-1 started',
      'user-1 ended',
    ]);
    expect(addresses[1]).toBe(`127.0.0.1:${port}`);
    expect(addresses[2]).not.toBe(addresses[1]);
    expect(await mesh.stop()).toEqual([]);
  });

  it('replaces gateways without refusing a connection', async () => {
    const mesh = await small.supervise(['gateway-1', 'gateway-2']);
    await mesh.start();
    const before = small.history().length;
    const [host, port] = mesh.gatewayAddress.split(':');
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
    expect(small.history().slice(before)).toEqual([
      'gateway-1 started',
      'gateway-1 ended',
      'gateway-2 started',
      'gateway-2 ended',
    ]);
    expect(answers.size).toBeGreaterThan(2);
    // The new one and the old one have a data folder each.
    expect(new Set(answers.values())).toEqual(new Set([`${small.folder}.1`, `${small.folder}.2`]));
    expect(await mesh.stop()).toEqual([]);
  });
});
