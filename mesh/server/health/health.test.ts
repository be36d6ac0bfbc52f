import { createChannel, createClientFactory, Status } from 'nice-grpc';
import { afterEach, describe, expect, it } from 'vitest';
import {
  HealthDefinition,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../../gen/ts/grpc/health/v1/health.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { systemClock } from '../../time/clock.ts';
import { echoService } from '../testing/echo-service.ts';
import { serveForTest } from '../testing/serve-echo.ts';
import { createHealth } from './health.ts';

const echo = 'test.v1.EchoService';
const away = { check: 'echo', reason: 'STORAGE_UNAVAILABLE', message: 'the database is away' };
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start() {
  const health = createHealth(systemClock);
  const { server, address } = await serveForTest({ serves: [echoService()], health });
  const channel = createChannel(address);
  cleanups.push(
    () => server.drain(0),
    () => channel.close(),
  );
  return { health, server, client: createClientFactory().create(HealthDefinition, channel) };
}

describe('health', () => {
  it('is NOT_SERVING until it is set', async () => {
    const { client } = await start();
    expect(await client.check({})).toEqual({ status: ServingStatus.NOT_SERVING });
    expect(await client.check({ service: echo })).toEqual({ status: ServingStatus.NOT_SERVING });
  });

  it('reports the status of the server and of each service', async () => {
    const { client, health } = await start();
    health.show(echo, []);
    expect(await client.list({})).toEqual({
      statuses: {
        '': { status: ServingStatus.NOT_SERVING },
        'ordermesh.process': { status: ServingStatus.SERVING },
        [echo]: { status: ServingStatus.SERVING },
      },
    });
  });

  it('refuses a check of an unknown service with NOT_FOUND', async () => {
    const { client } = await start();
    await expect(client.check({ service: 'nobody' })).rejects.toMatchObject({ code: Status.NOT_FOUND });
  });

  it('sends a watcher the current status, then each change', async () => {
    const { client, health } = await start();
    const statuses = client.watch({ service: echo })[Symbol.asyncIterator]();
    expect((await statuses.next()).value).toEqual({ status: ServingStatus.NOT_SERVING });
    health.show(echo, []);
    expect((await statuses.next()).value).toEqual({ status: ServingStatus.SERVING });
    health.show(echo, []);
    health.show(echo, [away]);
    expect((await statuses.next()).value).toEqual({ status: ServingStatus.NOT_SERVING });
    await statuses.return?.();
  });

  it('keeps a watch of an unknown service open until the service is known', async () => {
    const { client, health } = await start();
    const statuses = client.watch({ service: 'later.v1.Service' })[Symbol.asyncIterator]();
    expect((await statuses.next()).value).toEqual({ status: ServingStatus.SERVICE_UNKNOWN });
    health.show('later.v1.Service', []);
    expect((await statuses.next()).value).toEqual({ status: ServingStatus.SERVING });
    await statuses.return?.();
  });

  it('ends watches with NOT_SERVING when the server drains', async () => {
    const { client, health, server } = await start();
    health.show('', []);
    const statuses = client.watch({})[Symbol.asyncIterator]();
    expect((await statuses.next()).value).toEqual({ status: ServingStatus.SERVING });
    const drained = server.drain(5_000);
    expect((await statuses.next()).value).toEqual({ status: ServingStatus.NOT_SERVING });
    expect((await statuses.next()).done).toBe(true);
    await drained;
  });

  it('keeps the process SERVING while it drains, so a liveness probe does not cut the drain short', async () => {
    const { client, health } = await start();
    health.drain();
    expect(await client.check({ service: 'ordermesh.process' })).toEqual({ status: ServingStatus.SERVING });
    expect(await client.check({ service: echo })).toEqual({ status: ServingStatus.NOT_SERVING });
  });
});

describe('the list of health names', () => {
  const clock = createTestClock();
  const health = createHealth(clock);
  const of = (name: string) => health.list().find((one) => one.name === name);

  it('has for each name when it got its status, and why it does not serve', () => {
    const startMs = clock.now();
    health.showUnknown(echo);
    expect(health.list()).toMatchObject([
      { name: '', status: 'NOT_SERVING', sinceMs: startMs, problems: [{ reason: 'NOT_CHECKED_YET' }] },
      { name: 'ordermesh.process', status: 'SERVING', sinceMs: startMs, problems: [] },
      { name: echo, status: 'NOT_SERVING', problems: [{ reason: 'NOT_CHECKED_YET' }] },
    ]);
    clock.advance(1_000);
    health.show(echo, [away]);
    expect(of(echo)).toEqual({ name: echo, status: 'NOT_SERVING', sinceMs: startMs, problems: [away] });
    health.show(echo, []);
    clock.advance(1_000);
    health.show(echo, []);
    expect(of(echo)).toEqual({ name: echo, status: 'SERVING', sinceMs: startMs + 1_000, problems: [] });
  });

  it('reports that the process is stopping, and nothing else after that', () => {
    health.drain();
    health.show(echo, []);
    expect(of(echo)).toMatchObject({ status: 'NOT_SERVING', problems: [{ reason: 'SERVER_DRAINING' }] });
    expect(of('ordermesh.process')).toMatchObject({ status: 'SERVING' });
  });
});
