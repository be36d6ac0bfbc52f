import { spawnSync } from 'node:child_process';
import { glob, readFile, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, isServing } from '../examples/support/mesh.ts';
import { grpcurl } from '../mesh/testing/go-tools.ts';
import { describeWithServer } from '../mesh/testing/servers.ts';
import { tempFolder } from '../mesh/testing/temp-folder.ts';
import { missingLine, shownCommands } from './support/readme.ts';
import { type ProcessOptions, spawnProcess, startProcess } from './support/start-process.ts';
import { startCarrier } from './support/test-carrier.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const tools = join(root, '.tools/bin');
const readme = await readFile(join(root, 'README.md'), 'utf8');

describeWithServer(grpcurl, 'the calls that README.md shows', () => {
  const stack = new AsyncDisposableStack();
  let address: string;
  let variables: string;

  beforeAll(async () => {
    const folder = stack.use(await tempFolder());
    variables = join(folder.path, 'variables');
    address = stack.use(await startProcess({ dataDir: join(folder.path, 'data') })).address;
  });
  afterAll(() => stack.disposeAsync());

  /** Runs commands in the project's folder, as written but for the port; the variable that they set is there for the next. */
  function run(script: string): string {
    const here = script.replaceAll('localhost:50051', `localhost:${address.split(':')[1]}`);
    const shell = `[ -f ${variables} ] && . ${variables}\n${here}\ndeclare -p ORDER > ${variables} 2>/dev/null`;
    const env = { ...process.env, PATH: `${tools}${delimiter}${process.env.PATH}` };
    const { stdout, stderr } = spawnSync('bash', ['-c', shell], { cwd: root, env, encoding: 'utf8' });
    return stdout + stderr;
  }

  it.each(shownCommands(readme))('answer as shown: $script', { timeout: 60_000 }, async ({ script, output }) => {
    expect(output.length).toBeGreaterThan(0);
    let answer = '';
    const missing = () => {
      answer = run(script);
      return missingLine(output, answer);
    };
    // What happens in the background may take a moment on a busy machine.
    await expect
      .poll(missing, { timeout: 30_000, interval: 200, message: 'the line that is missing' })
      .toBeUndefined()
      .catch((error: Error) => {
        throw new Error(`${error.message}\nThe answer was:\n${answer}`, { cause: error });
      });
  });
});

it('README.md lists every metric that the code gives, and no other', async () => {
  const given = new Set<string>();
  for await (const file of glob('{mesh,services}/**/*.ts', { cwd: root })) {
    if (/\.test(ing)?\.ts$/.test(file)) continue;
    const text = await readFile(join(root, file), 'utf8');
    for (const [, name = ''] of text.matchAll(/'(ordermesh_[a-z_]+)'/g)) given.add(name);
  }
  const listed = [...readme.matchAll(/^\| `(ordermesh_[a-z_]+)/gm)].map(([, name]) => name);
  expect(given.size).toBeGreaterThan(10);
  expect(listed.toSorted()).toEqual([...given].toSorted());
});

describe('the examples', () => {
  /** An example as `make` runs it, against the mesh at an address. */
  const runExample = (file: string, address: string, dataDir: string, ...args: string[]) =>
    spawnProcess({ main: join('examples', file), args, dataDir, environment: { ADDRESS: address } });

  it('place an order that completes, again and again, and show its timeline', async () => {
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
      expect(shown).toMatch(/\.eml\n {2}From: .*\n {2}To: ada-\S+@example\.com\n {2}Subject: Your order/);
      expect(shown).toMatch(/order \S+ is COMPLETED\n$/);
    }
  });

  it('finish the order when the mesh is killed and started again meanwhile', async () => {
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
    await expect.poll(() => demo.stdout(), { timeout: 10_000 }).toContain(' PAID');
    await expect.poll(() => demo.stdout(), { timeout: 10_000 }).toContain('-- still at create-shipment, 1 attempt\n');
    await first.kill9();
    await expect.poll(() => demo.stdout(), { timeout: 10_000 }).toContain('the mesh is away');
    held.release();
    const again = { ...options.environment, GRPC_LISTEN: first.address };
    await using second = await startProcess({ ...options, environment: again });
    expect(await demo.ended, demo.stdout() + demo.stderr()).toEqual({ code: 0, signal: null });
    expect(demo.stdout()).toMatch(/the mesh is back after .*order \S+ is COMPLETED\n$/s);
    expect(await second.stop()).toEqual({ code: 0, signal: null });
  });

  it('import users with progress', async () => {
    await using folder = await tempFolder();
    await using mesh = await startProcess({ dataDir: folder.path });
    await using importing = runExample('import-users.ts', mesh.address, folder.path, '2000');
    expect(await importing.ended, importing.stderr()).toEqual({ code: 0, signal: null });
    expect(importing.stdout()).toMatch(
      /sent 2000 of 2000 rows \(100 %\)\nimported 2000 users, 0 failures, in \S+ s: \d+ users\/s\n$/,
    );
  });

  it('say what an address has to look like', async () => {
    await using folder = await tempFolder();
    await using example = runExample('demo.ts', 'localhost', folder.path);
    expect(await example.ended).toEqual({ code: 2, signal: null });
    expect(example.stderr()).toBe('ADDRESS is "localhost", but may be <host>:<port>\n');
  });

  it('say what the mesh says when it does not serve', async () => {
    await using folder = await tempFolder();
    await using mesh = await startProcess({ dataDir: folder.path });
    await rm(join(folder.path, 'user.db'));
    const lost = /^the database \S*user\.db was deleted.*\n$/;
    // Calls fail from now on, and health says so within 5 s.
    await using early = runExample('demo.ts', mesh.address, folder.path);
    expect(await early.ended, early.stderr()).toEqual({ code: 1, signal: null });
    expect(early.stderr()).toMatch(lost);
    const clients = connect(mesh.address);
    await expect.poll(() => isServing(clients), { timeout: 10_000 }).toBe(false);
    clients.close();
    await using late = runExample('import-users.ts', mesh.address, folder.path, '10');
    expect(await late.ended).toEqual({ code: 1, signal: null });
    expect(late.stderr()).toMatch(lost);
  });

  it('show the order, and say where its events wait, while the event log is away', async () => {
    await using folder = await tempFolder();
    const environment = { EVENTS_URL: 'kafka://127.0.0.1:1' };
    await using mesh = await startProcess({ dataDir: folder.path, environment });
    await using demo = runExample('demo.ts', mesh.address, folder.path);
    expect(await demo.ended, demo.stderr()).toEqual({ code: 0, signal: null });
    expect(demo.stdout()).toContain(
      '-- the event log cannot be read now. What the order published waits in the outbox',
    );
    expect(demo.stdout()).not.toContain('the mesh is away');
    expect(demo.stdout()).toMatch(/order \S+ is COMPLETED\n$/);
  });

  it('say that a mail waits while the task queue is away', async () => {
    await using folder = await tempFolder();
    const environment = { TASKS_URL: 'amqp://127.0.0.1:1' };
    await using mesh = await startProcess({ dataDir: folder.path, environment });
    await using demo = runExample('demo.ts', mesh.address, folder.path);
    expect(await demo.ended, demo.stderr()).toEqual({ code: 0, signal: null });
    expect(demo.stdout()).toMatch(/^mail order-completed\n {2}not sent yet: it waits in the outbox/m);
    expect(demo.stdout()).not.toContain('not on this machine');
  });

  it.each(['demo.ts', 'import-users.ts'])('say what to do when nothing serves: %s', async (file) => {
    await using folder = await tempFolder();
    await using example = runExample(file, '127.0.0.1:1', folder.path);
    expect(await example.ended).toEqual({ code: 2, signal: null });
    expect(example.stderr()).toBe(
      'the mesh at 127.0.0.1:1 cannot be reached: run "make start" in another terminal, or set ADDRESS to where one is\n',
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
