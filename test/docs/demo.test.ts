import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { followOrder } from '../../examples/demo/accepted-order.ts';
import { retryUnavailable } from '../../examples/demo/retry.ts';
import { describeFailure } from '../../examples/support/failures.ts';
import { connect, isServing } from '../../examples/support/mesh.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { type ProcessOptions, spawnProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { startCarrier } from '../support/test-carrier.ts';

describe('make demo and make import', () => {
  /** Runs an example as `make` does, against the mesh at an address. */
  const runExample = (file: string, address: string, dataDir: string, ...args: string[]) =>
    spawnProcess({ main: join('examples', file), args, dataDir, environment: { ADDRESS: address } });

  const runWithKill = (address: string, dataDir: string) =>
    spawnProcess({ main: 'examples/demo.ts', dataDir, environment: { ADDRESS: address, KILL: '1' } });

  it('places an order that completes, on every run, and shows its timeline', async () => {
    await using folder = await tempFolder();
    await using mesh = await startProcess({ dataDir: folder.path });
    for (let round = 0; round < 2; round++) {
      await using demo = runExample('demo.ts', mesh.address, folder.path);
      expect(await demo.ended, demo.stderr()).toEqual({ code: 0, signal: null });
      const shown = demo.stdout();
      for (const step of ['reserve-stock', 'charge', 'create-shipment', 'commit-stock']) {
        expect(shown).toMatch(new RegExp(`saga +${step} +DONE in \\d+ ms, \\d+ attempts?`));
      }
      for (const [type, topic] of shownEvents) {
        expect(shown).toMatch(new RegExp(`event +${type} +${topic}, partition \\d+, offset \\d+`));
      }
      expect(shown).toMatch(/mail +order-completed +task on email-jobs, SENT to \S+, \d+ attempts?/);
      expect(shown).toMatch(/\.mbox\n {2}From: .*\n {2}To: ada-\S+@example\.com\n {2}Subject: Your order/);
      expect(shown).toMatch(/order \S+ is COMPLETED\n$/);
    }
  });

  it('finishes the order when the mesh is killed and restarted meanwhile', async () => {
    await using folder = await tempFolder();
    await using carrier = await startCarrier(folder.path);
    const options: ProcessOptions = {
      dataDir: join(folder.path, 'data'),
      environment: { CARRIER_URL: carrier.url },
    };
    const held = carrier.hold(1);
    await using first = await startProcess(options);
    await using demo = runExample('demo.ts', first.address, options.dataDir);
    await held.arrived;
    await eventually(() => expect(demo.stdout()).toContain(' PAID'));
    await eventually(() => expect(demo.stdout()).toContain('-- waiting for create-shipment, 1 attempt\n'));
    await first.kill9();
    await eventually(() => expect(demo.stdout()).toContain('the mesh has stopped'));
    held.release();
    const again = { ...options.environment, GRPC_LISTEN: first.address };
    await using second = await startProcess({ ...options, environment: again });
    expect(await demo.ended, demo.stdout() + demo.stderr()).toEqual({ code: 0, signal: null });
    expect(demo.stdout()).toMatch(/the mesh is back after .*order \S+ is COMPLETED\n$/s);
    expect(await second.stop()).toEqual({ code: 0, signal: null });
  });

  it('kills the mesh when the order is accepted, with KILL=1, and shows that it completes after a restart', async () => {
    await using folder = await tempFolder();
    await using first = await startProcess({ dataDir: folder.path });
    await using demo = runWithKill(first.address, folder.path);
    expect(await first.ended, demo.stderr()).toEqual({ code: null, signal: 'SIGKILL' });
    const environment = { GRPC_LISTEN: first.address };
    await using second = await startProcess({ dataDir: folder.path, environment });
    expect(await demo.ended, demo.stdout() + demo.stderr()).toEqual({ code: 0, signal: null });
    const shown = demo.stdout();
    expect(shown).toMatch(
      new RegExp(`order .*\n {2}killed process ${first.child.pid}; start it again with "make start"`),
    );
    expect(shown.match(/the mesh has stopped/g)).toHaveLength(1);
    expect(shown.match(/the mesh is back/g)).toHaveLength(1);
    expect(shown).toMatch(/order \S+ is COMPLETED\n$/);
    expect(await second.stop()).toEqual({ code: 0, signal: null });
  });

  it('kills nothing but a whole mesh', async () => {
    await using folder = await tempFolder();
    await using part = await startProcess({ dataDir: folder.path, args: ['user', 'ops'] });
    await using demo = runWithKill(part.address, folder.path);
    expect(await demo.ended).toEqual({ code: 2, signal: null });
    expect(demo.stderr()).toContain(
      `KILL=1 finds no process of "make start" on this machine that listens at ${part.address}`,
    );
    expect(await part.stop()).toEqual({ code: 0, signal: null });
  });

  it('says that an accepted order is safe, if the mesh stays away', async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const clients = connect(address);
    onTestFinished(() => clients.close());
    const failed: unknown = await followOrder(clients, 'order-1', () =>
      clients.orders.getOrder({ id: 'order-1' }),
    ).catch((error) => error);
    expect(describeFailure(failed, address)).toEqual({
      code: 3,
      text: expect.stringMatching(
        /^the mesh at \S+ cannot be reached, but order order-1 is safe: .* Run "make start", then "make order ID=order-1" shows it$/,
      ),
    });
  });

  it('reports a restart once, however many calls wait for it', async () => {
    await using folder = await tempFolder();
    const address = `127.0.0.1:${await freePort()}`;
    const clients = connect(address);
    onTestFinished(() => clients.close());
    const log = vi.spyOn(console, 'log').mockReturnValue();
    onTestFinished(() => log.mockRestore());
    const calls = [1, 2, 3].map(() => retryUnavailable(clients, () => clients.health.check({ service: '' })));
    await eventually(() => expect(log).toHaveBeenCalled());
    await using mesh = await startProcess({
      dataDir: folder.path,
      args: ['user'],
      environment: { GRPC_LISTEN: address },
    });
    expect(await Promise.all(calls)).toHaveLength(3);
    expect(log.mock.calls.flat()).toEqual([
      expect.stringContaining('the mesh has stopped'),
      expect.stringContaining('the mesh is back'),
    ]);
    expect(await mesh.stop()).toEqual({ code: 0, signal: null });
  });

  it('imports users with progress', async () => {
    await using folder = await tempFolder();
    await using mesh = await startProcess({ dataDir: folder.path });
    await using importing = runExample('import-users.ts', mesh.address, folder.path, '2000');
    expect(await importing.ended, importing.stderr()).toEqual({ code: 0, signal: null });
    expect(importing.stdout()).toMatch(
      /sent 2000 of 2000 rows \(100 %\)\nimported 2000 users, 0 failures, in \S+ s: \d+ users\/s\n$/,
    );
  });

  it('explains what a valid ADDRESS looks like', async () => {
    await using folder = await tempFolder();
    await using example = runExample('demo.ts', 'localhost', folder.path);
    expect(await example.ended).toEqual({ code: 2, signal: null });
    expect(example.stderr()).toBe('invalid ADDRESS "localhost": use <host>:<port>\n');
  });

  it('shows the error of a mesh that does not serve', async () => {
    await using folder = await tempFolder();
    await using mesh = await startProcess({ dataDir: folder.path });
    await rm(join(folder.path, 'user.db'));
    // Calls fail from now on, without the path; health reports it within 5 s, with the path for operators. On a busy machine
    // the demo asks for the health only then.
    await using early = runExample('demo.ts', mesh.address, folder.path);
    expect(await early.ended, early.stderr()).toEqual({ code: 3, signal: null });
    expect(early.stderr()).toMatch(/^database (accepts nothing more|\S*user\.db was deleted).*\n$/);
    const clients = connect(mesh.address);
    await eventually(async () => expect(await isServing(clients)).toBe(false));
    clients.close();
    await using late = runExample('import-users.ts', mesh.address, folder.path, '10');
    expect(await late.ended).toEqual({ code: 3, signal: null });
    expect(late.stderr()).toMatch(/^database \S*user\.db was deleted.*\n$/);
  });

  it('shows the order, and where its events wait, while the event log is unavailable', {
    timeout: 60_000,
  }, async () => {
    await using folder = await tempFolder();
    const environment = { EVENTS_URL: 'kafka://127.0.0.1:1' };
    await using mesh = await startProcess({ dataDir: folder.path, environment });
    await using demo = runExample('demo.ts', mesh.address, folder.path);
    expect(await demo.ended, demo.stderr()).toEqual({ code: 0, signal: null });
    expect(demo.stdout()).toContain('-- the event log is unavailable. The events of this order wait in the outbox');
    expect(demo.stdout()).not.toContain('the mesh has stopped');
    expect(demo.stdout()).toMatch(/order \S+ is COMPLETED\n$/);
  });

  it('reports that a mail waits while the task queue is unavailable', { timeout: 60_000 }, async () => {
    await using folder = await tempFolder();
    const environment = { TASKS_URL: 'amqp://127.0.0.1:1' };
    await using mesh = await startProcess({ dataDir: folder.path, environment });
    await using demo = runExample('demo.ts', mesh.address, folder.path);
    expect(await demo.ended, demo.stderr()).toEqual({ code: 0, signal: null });
    expect(demo.stdout()).toMatch(/^mail order-completed\n {2}not sent yet: it waits in the outbox/m);
    expect(demo.stdout()).not.toContain('not on this machine');
  });

  it.each(['demo.ts', 'import-users.ts'])('explains what to do when no mesh is running: %s', async (file) => {
    await using folder = await tempFolder();
    await using example = runExample(file, '127.0.0.1:1', folder.path);
    expect(await example.ended).toEqual({ code: 3, signal: null });
    expect(example.stderr()).toBe(
      'the mesh at 127.0.0.1:1 cannot be reached: run "make start" in another terminal, or set ADDRESS\n',
    );
  });
});

const shownEvents = [
  ['ORDER_PLACED', 'order.events'],
  ['STOCK_RESERVED', 'inventory.events'],
  ['MONEY_WITHDRAWN', 'payment.events'],
  ['SHIPMENT_BOOKED', 'shipping.events'],
  ['STOCK_COMMITTED', 'inventory.events'],
  ['ORDER_COMPLETED', 'order.events'],
] as const;
