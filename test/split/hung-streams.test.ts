import { setTimeout as wait } from 'node:timers/promises';
import { Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { EventServiceContract } from '#gen/events/v1/events.contract.ts';
import { Start } from '#gen/events/v1/events.ts';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import type { ClientFactory } from '../../mesh/client/client-factory.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { type StartedProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { notServing } from '../support/health-of.ts';
import { balanceServices, startUserInstance, type UserInstance } from './support/user-instances.ts';

let folder: TempFolder;
let one: UserInstance;
let other: UserInstance;
let gateway: StartedProcess;

beforeAll(async () => {
  folder = await tempFolder();
  [one, other] = await Promise.all([startUserInstance('bridge'), startUserInstance('bridge')]);
  const addresses = [one, other].map(({ port }) => `127.0.0.1:${port}`).join('+');
  gateway = await startProcess({
    dataDir: folder.path,
    args: ['gateway'],
    environment: {
      GRPC_ENGINE: 'native',
      BALANCING: 'round-robin',
      DISCOVERY_URL: `static:user=${addresses},events=${addresses}`,
    },
  });
});

afterAll(async () => {
  await Promise.all([gateway, one?.process, other?.process].map((started) => started?.end('SIGKILL')));
  await folder?.[Symbol.asyncDispose]();
});

// How long a caller waits for the end of a stream whose process hangs.
const limitMs = 12_000;
const patient = { timeoutMs: limitMs, intervalMs: 200 };

/** Opens streams that return one event and then nothing, so each instance has some. Returns how each ends. */
async function subscribe(client: ClientFactory['client']): Promise<Promise<Error>[]> {
  const events = client(EventServiceContract);
  const streams = Array.from({ length: 8 }, () =>
    events.subscribe({ topic: 'user.events', from: { $case: 'start', value: Start.START_BEGINNING } }),
  ).map((stream) => stream[Symbol.asyncIterator]());
  onTestFinished(() => void streams.map((stream) => stream.return?.()));
  for (const stream of streams) expect(await stream.next()).toMatchObject({ done: false });
  return streams.map((stream) =>
    stream.next().then(
      () => new Error('an event'),
      (error: Error) => error,
    ),
  );
}

/** Makes listings, some of each instance, and not more than a client may retry. Returns how many users each found. */
function list(client: ClientFactory['client']): Promise<number[]> {
  const users = client(UserServiceContract);
  return Promise.all(Array.from({ length: 4 }, async () => (await Array.fromAsync(users.listUsers({}))).length));
}

/** Rejects if `work` takes longer than a caller waits. */
function inTime<T>(work: Promise<T>): Promise<T> {
  const tooLate = wait(limitMs, undefined, { ref: false }).then(() => Promise.reject(new Error('it is not over')));
  return Promise.race([work, tooLate]);
}

/** A client with connections of its own to both instances. */
function direct(): ClientFactory['client'] {
  const ports = [one.port, other.port];
  const services = balanceServices({ user: ports, events: ports }, 'round-robin');
  onTestFinished(() => services[Symbol.dispose]());
  return services.client;
}

describe('streams of two instances of which one hangs', () => {
  it('go to the other one before their first message, and end with UNAVAILABLE after it', async () => {
    const listing = [direct(), gateway.client];
    const all = [1, 1, 1, 1];
    expect(await Promise.all(listing.map(list))).toEqual([all, all]);
    const subscribed = await Promise.all([direct(), gateway.client].map(subscribe));
    const ended: unknown[] = [];
    for (const end of subscribed.flat()) void end.then((error) => ended.push(error));
    await wait(1_000);
    expect(ended).toEqual([]);

    one.process.child.kill('SIGSTOP');
    const listed = inTime(Promise.all(listing.map(list)));
    await inTime(Promise.all(subscribed.map((ends) => Promise.race(ends))));
    expect(await listed).toEqual([all, all]);
    await wait(500);
    expect(ended.length).toBeLessThan(subscribed.flat().length);
    for (const error of ended) expect(error).toMatchObject({ code: Status.UNAVAILABLE });
  });
});

describe('the health of a gateway all of whose instances of a service hang', () => {
  it('becomes NOT_SERVING within 12 s without any call, and SERVING with the first that continues', async () => {
    expect(await notServing(gateway.address)).toEqual([]);
    for (const { process } of [one, other]) process.child.kill('SIGSTOP');
    const contract = 'user.v1.UserService';
    await eventually(async () => expect(await notServing(gateway.address)).toContain(contract), patient);
    other.process.child.kill('SIGCONT');
    await eventually(async () => expect(await notServing(gateway.address)).toEqual([]), patient);
  });
});
