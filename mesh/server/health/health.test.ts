import { createChannel, createClientFactory, Status } from 'nice-grpc';
import { afterEach, describe, expect, it } from 'vitest';
import {
  HealthDefinition,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../../gen/ts/grpc/health/v1/health.ts';
import { echoService } from '../test-support/echo-service.ts';
import { serveForTest } from '../test-support/serve-echo.ts';
import { createHealth } from './health.ts';

const echo = 'test.v1.EchoService';
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start() {
  const health = createHealth();
  const { server, address } = await serveForTest({ serves: [echoService()], health });
  const channel = createChannel(address);
  cleanups.push(
    () => server.drain(0),
    () => channel.close(),
  );
  return { health, server, client: createClientFactory().create(HealthDefinition, channel) };
}

describe('health', () => {
  it('is NOT_SERVING until somebody says otherwise', async () => {
    const { client } = await start();
    expect(await client.check({})).toEqual({ status: ServingStatus.NOT_SERVING });
    expect(await client.check({ service: echo })).toEqual({ status: ServingStatus.NOT_SERVING });
  });

  it('tells the status of the server and of each service', async () => {
    const { client, health } = await start();
    health.set(echo, 'SERVING');
    expect(await client.list({})).toEqual({
      statuses: { '': { status: ServingStatus.NOT_SERVING }, [echo]: { status: ServingStatus.SERVING } },
    });
  });

  it('refuses a check of a service that is not there with NOT_FOUND', async () => {
    const { client } = await start();
    await expect(client.check({ service: 'nobody' })).rejects.toMatchObject({ code: Status.NOT_FOUND });
  });

  it('shows a watcher the status as it is, then each change', async () => {
    const { client, health } = await start();
    const statuses = client.watch({ service: echo })[Symbol.asyncIterator]();
    expect((await statuses.next()).value).toEqual({ status: ServingStatus.NOT_SERVING });
    health.set(echo, 'SERVING');
    expect((await statuses.next()).value).toEqual({ status: ServingStatus.SERVING });
    health.set(echo, 'SERVING');
    health.set(echo, 'NOT_SERVING');
    expect((await statuses.next()).value).toEqual({ status: ServingStatus.NOT_SERVING });
    await statuses.return?.();
  });

  it('keeps a watch of an unknown service open until the service is known', async () => {
    const { client, health } = await start();
    const statuses = client.watch({ service: 'later.v1.Service' })[Symbol.asyncIterator]();
    expect((await statuses.next()).value).toEqual({ status: ServingStatus.SERVICE_UNKNOWN });
    health.set('later.v1.Service', 'SERVING');
    expect((await statuses.next()).value).toEqual({ status: ServingStatus.SERVING });
    await statuses.return?.();
  });

  it('ends watches with NOT_SERVING when the server drains', async () => {
    const { client, health, server } = await start();
    health.set('', 'SERVING');
    const statuses = client.watch({})[Symbol.asyncIterator]();
    expect((await statuses.next()).value).toEqual({ status: ServingStatus.SERVING });
    const drained = server.drain(5_000);
    expect((await statuses.next()).value).toEqual({ status: ServingStatus.NOT_SERVING });
    expect((await statuses.next()).done).toBe(true);
    await drained;
  });
});
