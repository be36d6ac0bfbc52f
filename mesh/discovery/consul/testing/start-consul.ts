import { onTestFinished } from 'vitest';
import type { ConsulUrl } from '../../../config/discovery-url.ts';
import type { Clock } from '../../../time/clock.ts';
import { testParts } from '../../testing/watch-service.ts';
import { createConsulDiscovery } from '../consul-discovery.ts';
import { startFakeConsul } from './fake-consul.ts';

/** Starts an agent and a discovery that asks it, until the test ends. */
export async function startConsul(options: Partial<ConsulUrl> = {}, clock?: Clock) {
  const consul = await startFakeConsul();
  const { parts, warnings } = testParts(clock);
  const url = {
    scheme: 'consul',
    agent: consul.address,
    tls: undefined,
    datacenter: undefined,
    tokenFile: undefined,
    ...options,
  } as const;
  const discovery = createConsulDiscovery(url, parts);
  onTestFinished(async () => {
    await discovery.close();
    await consul[Symbol.asyncDispose]();
  });
  const indexes = () => consul.requests.map(({ query }) => query.get('index'));
  return { consul, discovery, warnings, indexes };
}
