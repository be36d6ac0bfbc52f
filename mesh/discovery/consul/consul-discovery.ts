import type { ConsulUrl } from '../../config/discovery-url.ts';
import type { Discovery } from '../discovery.ts';
import { registryAnswerInvalid } from '../errors.ts';
import { createListedNames, type FollowNames } from '../listed-names.ts';
import { createPaces } from '../pace.ts';
import { type KeptRegistration, keepRegistered } from '../registration.ts';
import { createRegistryHttp, type RegistryAnswer, type RegistryRequest } from '../registry-http.ts';
import type { RegistryParts } from '../registry-log.ts';
import { createTokenFile } from '../token-file.ts';
import { createWatches, type Follow, type Following } from '../watches.ts';
import { consulEntry } from './consul-entry.ts';
import { instancesOf, namesOf } from './instances.ts';

/** How long a query waits for a change. Consul adds up to a sixteenth. */
const waitS = 20;
const queryTimeoutMs = (waitS * 17 * 1000) / 16 + 5_000;

const askTimeoutMs = 5_000;

/** A restart of one instance changes its entry about four times. */
const burst = 10;

/** Finds instances that pass their checks by blocking queries, and registers this process with the agent. */
export function createConsulDiscovery(url: ConsulUrl, parts: RegistryParts): Discovery {
  const { agent, tls, datacenter, tokenFile } = url;
  const registry = `consul${tls ? '+https' : ''}://${agent}`;
  const http = createRegistryHttp({ server: agent, registry, tls: tls && parts.trustOf(tls.caFile) });
  const token = tokenFile === undefined ? undefined : createTokenFile(tokenFile, registry, parts.clock);
  const ask = (request: Omit<RegistryRequest, 'timeoutMs'> & { readonly timeoutMs?: number }) =>
    http.ask({ timeoutMs: askTimeoutMs, ...request, headers: token ? { 'x-consul-token': token() } : {} });
  const pace = createPaces(parts.clock, burst);
  const inDatacenter = datacenter === undefined ? '' : `&dc=${encodeURIComponent(datacenter)}`;

  /** Asks again and again, and waits each time until something has changed. */
  async function* query(path: string, { signal, rest }: Following): AsyncGenerator<unknown> {
    let index = 0n;
    let last: RegistryAnswer | undefined;
    for (;;) {
      await rest(pace(path));
      // An agent that has restarted has a new history. It would wait for an index that it reaches much later.
      if (last?.isDisconnected()) index = 0n;
      const blocking = `${path}wait=${waitS}s&index=${index}${inDatacenter}`;
      const answer = await ask({ path: blocking, timeoutMs: queryTimeoutMs, signal });
      const next = answer.status === 200 ? parseIndex(answer.headers['x-consul-index']) : undefined;
      if (next === undefined)
        throw registryAnswerInvalid({ registry, problem: `HTTP ${answer.status} without an index of Consul` });
      index = nextIndex(index, next);
      last = answer;
      yield answer.json();
    }
  }

  const follow: Follow = async function* (service, following) {
    const path = `/v1/health/service/${encodeURIComponent(service)}?passing=1&`;
    for await (const answer of query(path, following))
      yield { endpoints: instancesOf(answer, registry), isCertain: true };
  };
  const followNames: FollowNames = async function* (following) {
    for await (const answer of query('/v1/catalog/services?', following)) yield namesOf(answer);
  };

  const watches = createWatches(registry, follow, parts);
  const listed = createListedNames(followNames, watches.log, parts.clock);
  let registration: KeptRegistration | undefined;
  return {
    ...watches,
    scheme: 'consul',
    names: listed.names,
    knows: (service) => (watches.has(service) ? 'certain' : 'possible'),
    register(self) {
      const entry = consulEntry(self, { registry, ask, logger: parts.logger });
      registration = keepRegistered(entry, self, { registry, log: watches.log, ...parts });
      return registration;
    },
    async close() {
      await Promise.all([watches.close(), listed.close(), registration?.remove()]);
      http.close();
    },
  };
}

/** Reads an index, an unsigned integer of 64 bits. Consul warns of 0, which would make queries return immediately. */
function parseIndex(text: string | string[] | undefined): bigint | undefined {
  if (typeof text !== 'string' || !/^\d{1,20}$/.test(text)) return undefined;
  return text === '0' ? 1n : BigInt(text);
}

/** An index that is smaller than the last one is of another history: that of a restarted agent, or of a restored one. */
function nextIndex(last: bigint, next: bigint): bigint {
  return next < last ? 0n : next;
}
