import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../mesh/testing/eventually.ts';
import { type FaultProxy, startFaultProxy } from '../../mesh/testing/servers/fault-proxy.ts';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { type StartedProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { type HttpAnswer, send as sendTo } from '../edge/support/http.ts';
import { bookOrder, euros, fillShop, type Shop, shopOf, stocked } from '../support/shop.ts';
import { type CrashPoint, crashPointVariable } from './support/crash-point.ts';

/** A gateway, with a network of its own to the services. */
interface Gateway {
  readonly process: StartedProcess;
  readonly network: FaultProxy;
}

/** A change over REST, and what it does. */
interface Change {
  /** Sends it. Rejects if the gateway dies before it has answered. */
  send(gateway: Gateway, key: string): Promise<HttpAnswer>;
  /** How often changes of this kind took effect. */
  effects(): Promise<number>;
  /** The first answer, as the service has stored it under the key. */
  stored(key: string): Promise<object>;
  /** The service that makes it. */
  readonly service: 'payment' | 'order';
}

let folder: TempFolder;
let port: number;
let mesh: StartedProcess;
let shop: Shop;
/** The one that the next test kills. Its successor starts meanwhile. */
let gateway: Gateway;

beforeAll(async () => {
  folder = await tempFolder();
  port = await freePort();
  await startMesh();
  await fillShop(shop);
  gateway = await startGateway();
});

afterAll(async () => {
  await closeGateway(gateway);
  await mesh[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** Starts all services; with a crash point, those that die there. */
async function startMesh(point?: CrashPoint): Promise<void> {
  mesh = await startProcess({
    dataDir: `${folder.path}/data`,
    ...(point && { main: 'test/crashes/support/crashing-main.ts' }),
    environment: { GRPC_LISTEN: `127.0.0.1:${port}`, ...(point && { [crashPointVariable]: point }) },
  });
  shop = shopOf(mesh);
}

async function startGateway(): Promise<Gateway> {
  const network = await startFaultProxy(port);
  const services = ['user', 'order', 'payment'].map((service) => `${service}=127.0.0.1:${network.port}`);
  const process = await startProcess({
    dataDir: `${folder.path}/${randomUUID()}`,
    args: ['gateway'],
    environment: { DISCOVERY_URL: `static:${services}`, HTTP_LISTEN: '127.0.0.1:0', GRPC_ENGINE: 'native' },
  });
  return { process, network };
}

async function closeGateway({ process, network }: Gateway): Promise<void> {
  await process[Symbol.asyncDispose]();
  await network[Symbol.asyncDispose]();
}

const post = ({ process }: Gateway, path: string, key: string, body: object) =>
  sendTo(process.httpAddress ?? '', 'POST', path, {
    headers: { 'idempotency-key': key, 'request-timeout': '10' },
    body,
  });

const { requestId: _, ...order } = bookOrder({ quantity: 1 });
const changes: Readonly<Record<string, Change>> = {
  Deposit: {
    send: (to, key) => post(to, '/api/accounts/tom:deposit', key, { amount: { currencyCode: 'EUR', minorUnits: '1' } }),
    effects: async () => Number((await shop.accounts.getBalance({ accountId: 'tom' })).version),
    stored: (requestId) => shop.accounts.deposit({ requestId, accountId: 'tom', amount: euros(1n) }),
    service: 'payment',
  },
  PlaceOrder: {
    send: (to, key) =>
      post(to, '/api/orders', key, {
        userId: order.userId,
        items: [{ sku: stocked.sku, quantity: 1 }],
        shippingAddress: order.shippingAddress,
      }),
    effects: async () => (await Array.fromAsync(shop.orders.listOrders({}))).length,
    stored: (requestId) => shop.orders.placeOrder({ ...order, requestId }),
    service: 'order',
  },
};

/** What happens to a gateway while its caller waits. `took` resolves once the change took effect. */
type Moment = (victim: Gateway, sent: Promise<unknown>, took: () => Promise<unknown>) => Promise<unknown>;

const moments: Readonly<Record<string, Moment>> = {
  'before the service gets the request': async ({ process, network }) => {
    network.blackHole('requests');
    // Nobody can see that it has sent the request.
    await delay(100);
    await process.kill9();
  },
  "between the service's answer and its own": async ({ process, network }, _sent, took) => {
    network.blackHole('replies');
    await took();
    await process.kill9();
  },
  'while the answer of the service arrives': async ({ process, network }, _sent, took) => {
    network.blackHole('replies');
    await took();
    network.heal();
    await process.kill9();
  },
  'as soon as the change took effect': async ({ process }, _sent, took) => {
    await took();
    await process.kill9();
  },
  'after its own answer': async ({ process }, sent) => {
    await sent;
    await process.kill9();
  },
};

const names = Object.keys(changes);

/** Expects that a change took effect once, and that a repeated request gets the answer that the service gave first. */
async function expectOnce(change: Change, key: string, before: number, answered: HttpAnswer | undefined) {
  const repeated = await eventually(async () => {
    const answer = await change.send(gateway, key);
    expect(answer.status).toBe(200);
    return answer;
  });
  expect(repeated.headers['idempotency-key']).toBe(key);
  if (answered?.status === 200) expect(repeated.json).toEqual(answered.json);
  expect((await change.send(gateway, key)).json).toEqual(repeated.json);
  // By gRPC the key is the request_id: the stored answer is this one.
  const { id } = repeated.json;
  expect(await change.stored(key)).toMatchObject({
    id,
    ...(repeated.json.version && { version: BigInt(repeated.json.version) }),
  });
  expect(await change.effects()).toBe(before + 1);
}

describe.each(names)('%s over REST takes effect once and gets its first answer', (name) => {
  const change = changes[name] as Change;

  it.each(Object.keys(moments))('if the gateway is killed %s', { timeout: 60_000 }, async (moment) => {
    const victim = gateway;
    const successor = startGateway();
    const [key, before] = [randomUUID(), await change.effects()];
    const sent = change.send(victim, key).catch(() => undefined);
    const took = () => eventually(async () => expect(await change.effects()).toBe(before + 1));
    await moments[moment]?.(victim, sent, took);
    gateway = await successor;
    const answered = await sent;
    if (moment.startsWith('between')) expect(answered).toBeUndefined();
    if (moment === 'after its own answer') expect(answered?.status).toBe(200);
    const repeating = expectOnce(change, key, before, answered);
    // What waited in the network arrives now, as late as it is.
    victim.network.heal();
    await repeating;
    await closeGateway(victim);
    expect(await change.effects()).toBe(before + 1);
  });

  it.each(['before', 'after'] as const)('if the service is killed %s it commits', { timeout: 60_000 }, async (side) => {
    const [key, before] = [randomUUID(), await change.effects()];
    // A stop would wait for the connections of the gateway.
    await mesh.kill9();
    await startMesh(`${side} ${change.service} commit 1`);
    let answered = await change.send(gateway, key);
    // The gateway may not have found the service yet.
    while (await Promise.race([mesh.ended.then(() => false), delay(50, true)]))
      answered = await change.send(gateway, key);
    await startMesh();
    await expectOnce(change, key, before, answered);
  });
});
