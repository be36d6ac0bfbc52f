import { expect, it, onTestFinished } from 'vitest';
import { createEndpoints } from '../balancing/endpoints.ts';
import type { Discovery } from '../discovery/discovery.ts';
import { createStaticDiscovery } from '../discovery/static/static-discovery.ts';
import { engineByName } from '../engines/engines.ts';
import { createPrometheusMetrics } from '../metrics/prometheus/prometheus-metrics.ts';
import { createServer } from '../server/create-server.ts';
import { createHealth } from '../server/health/health.ts';
import { echoService } from '../server/testing/echo-service.ts';
import { serveForTest } from '../server/testing/serve-echo.ts';
import { createLogger } from '../telemetry/logger.ts';
import { engineOfRun } from '../testing/engine-of-run.ts';
import { eventually } from '../testing/eventually.ts';
import { freePort } from '../testing/servers/free-port.ts';
import { createTestClock } from '../testing/test-clock.ts';
import { type Clock, systemClock } from '../time/clock.ts';
import { openForwarding } from './forwarding.ts';

const logger = createLogger('silent');

/** Like DNS: it knows a service once it was asked for it and has answered. */
function discoveryByName(addresses: ReadonlyMap<string, readonly string[]>): Discovery {
  const all = createStaticDiscovery(addresses);
  const answered = new Set<string>();
  return {
    ...all,
    knows: (service) => (answered.has(service) ? 'certain' : 'possible'),
    names: () => [...answered],
    watch: (service, changed) => {
      const timer = setTimeout(() => {
        if (addresses.has(service)) answered.add(service);
        all.watch(service, changed);
        changed({ endpoints: (addresses.get(service) ?? []).map((address) => ({ address, state: 'ready' })) });
      }, 100);
      return () => clearTimeout(timer);
    },
  };
}

async function open(discovery: Discovery, clock: Clock = systemClock) {
  const engine = await engineByName('native');
  const endpoints = createEndpoints({ engine, discovery, clock, logger });
  onTestFinished(() => endpoints.close());
  const health = createHealth(clock);
  const forwarding = await openForwarding([{ name: 'gateway', serves: [], forwards: () => undefined }], {
    config: { grpcMaxWaitingBytes: 1, grpcKeepaliveMs: 0 },
    tls: undefined,
    authenticator: undefined,
    engine,
    endpoints,
    discovery,
    health,
    draining: new AbortController().signal,
    clock,
    logger,
    metrics: createPrometheusMetrics({ clock, logger }),
  });
  onTestFinished(() => forwarding?.close());
  const statusOf = (contract: string) => health.list().find(({ name }) => name === contract)?.status;
  return { forwarding, statusOf };
}

it('asks for the services of all contracts at the start, so reflection lists them before their first call', async () => {
  const discovery = discoveryByName(new Map([['user', ['127.0.0.1:1']]]));
  expect(discovery.names()).toEqual([]);
  const { forwarding, statusOf } = await open(discovery);
  const own = { $case: 'listServicesResponse' as const, value: { service: [] } };
  const request = { host: '', messageRequest: { $case: 'listServices' as const, value: '' } };
  expect(await forwarding?.reflection.answer(request, own)).toEqual({
    $case: 'listServicesResponse',
    value: { service: [{ name: 'user.v1.UserService' }] },
  });
  expect(['order.v1.OrderService', 'misspelt.v1.Service'].map(statusOf)).toEqual(['NOT_SERVING', undefined]);
});

it('shows the health of contracts that only their instances know from the start', async () => {
  const { server, address } = await serveForTest({ serves: [echoService()] });
  onTestFinished(() => server.drain(0));
  const { statusOf } = await open(createStaticDiscovery(new Map([['test', [address]]])));
  await eventually(() => expect(statusOf('test.v1.EchoService')).toBe('SERVING'));
});

it('shows the health of contracts that only their instances know if these start later', async () => {
  const port = await freePort();
  const clock = createTestClock();
  const { statusOf } = await open(createStaticDiscovery(new Map([['test', [`127.0.0.1:${port}`]]])), clock);
  expect(statusOf('test.v1.EchoService')).toBeUndefined();
  const server = createServer({ engine: engineOfRun, serves: [echoService()], clock: systemClock, logger });
  onTestFinished(() => server.drain(0));
  await server.listen(`127.0.0.1:${port}`);
  await eventually(() => {
    clock.advance(1_000);
    expect(statusOf('test.v1.EchoService')).toBe('SERVING');
  });
});
