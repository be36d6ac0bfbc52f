import type { EurekaUrl } from '../../config/discovery-url.ts';
import type { Discovery, SelfDescription } from '../discovery.ts';
import { registryAnswerInvalid, registryUnavailable } from '../errors.ts';
import { createListedNames } from '../listed-names.ts';
import { type KeptRegistration, keepRegistered, type RegistryEntry } from '../registration.ts';
import { createRegistryHttp, type RegistryAnswer, type RegistryRequest } from '../registry-http.ts';
import type { RegistryParts } from '../registry-log.ts';
import { createWatches } from '../watches.ts';
import { appOf, describeInstance, readInstances, readNames } from './instances.ts';

const timeoutMs = 5_000;

const listEveryMs = 5_000;

/**
 * Finds services in Eureka, and registers this process there: an application for each service, in upper case. Fetches the
 * applications that are watched every `fetchMs`. If a server does not answer, the next one is asked.
 */
export function createEurekaDiscovery(
  { servers, tls, path, user, renewMs, fetchMs }: EurekaUrl,
  parts: RegistryParts,
): Discovery {
  const registry = `eureka${tls ? '+https' : ''}://${servers.join(',')}`;
  const trust = tls && parts.trustOf(tls.caFile);
  const clients = servers.map((server) => createRegistryHttp({ server, registry, tls: trust }));
  const headers: Readonly<Record<string, string>> = user
    ? { authorization: `Basic ${Buffer.from(`${user.name}:${user.password}`).toString('base64')}` }
    : {};
  let current = 0;

  async function ask(request: Omit<RegistryRequest, 'timeoutMs'>): Promise<RegistryAnswer> {
    for (let attempt = 1; ; attempt += 1) {
      const asked = current;
      try {
        const client = clients[asked];
        if (!client) throw new RangeError('eureka without a server');
        return await client.ask({ ...request, path: `${path}${request.path}`, headers, timeoutMs });
      } catch (error) {
        if (!registryUnavailable.is(error)) throw error;
        if (request.signal.aborted) throw error;
        // Of several requests that fail at the same time, one chooses the next server.
        if (current === asked) current = (asked + 1) % clients.length;
        if (attempt >= clients.length) throw error;
      }
    }
  }

  const watches = createWatches(
    registry,
    async function* (service, { signal, rest }) {
      while (!signal.aborted) {
        const answer = await ask({ path: `/apps/${appOf(service)}`, signal });
        // Eureka forgets an application with its last instance.
        const endpoints = answer.status === 404 ? [] : readInstances(answer.json());
        if (!endpoints) throw registryAnswerInvalid({ registry, problem: `no instances in the answer for ${service}` });
        yield { endpoints, isCertain: true };
        await rest(fetchMs);
      }
    },
    parts,
  );

  const listed = createListedNames(
    async function* ({ signal, rest }) {
      while (!signal.aborted) {
        const names = readNames((await ask({ path: '/apps', signal })).json());
        if (!names) throw registryAnswerInvalid({ registry, problem: 'no list of applications' });
        yield names;
        await rest(listEveryMs);
      }
    },
    watches.log,
    parts.clock,
  );

  /** Sends one request for each service, all at the same time. Resolves with the statuses. */
  async function askForEach(
    self: SelfDescription,
    signal: AbortSignal,
    requestOf: (app: string, id: string, service: string) => Omit<RegistryRequest, 'timeoutMs' | 'signal'>,
  ): Promise<readonly number[]> {
    const answers = self.services.map((service) =>
      ask({ ...requestOf(`/apps/${appOf(service)}`, `${service}:${self.instance}`, service), signal }),
    );
    return (await Promise.all(answers)).map(({ status }) => status);
  }

  function expectDone(statuses: readonly number[], request: string): void {
    const refused = statuses.find((status) => status >= 400);
    if (refused !== undefined) throw registryAnswerInvalid({ registry, problem: `HTTP ${refused} to ${request}` });
  }

  function entryOf(self: SelfDescription): RegistryEntry {
    let isFirst = true;
    return {
      confirmEveryMs: renewMs,
      async enter(signal) {
        // An earlier process at this address may have ended out of service, and its entry may still be there.
        if (isFirst)
          await askForEach(self, signal, (app, id) => ({ method: 'DELETE', path: `${app}/${id}/status?value=UP` }));
        isFirst = false;
        const statuses = await askForEach(self, signal, (app, id, service) => ({
          method: 'POST',
          path: app,
          body: describeInstance(service, id, self, renewMs),
        }));
        expectDone(statuses, 'a registration');
      },
      async confirm(signal) {
        const statuses = await askForEach(self, signal, (app, id) => ({
          method: 'PUT',
          path: `${app}/${id}?status=UP`,
        }));
        expectDone(statuses.filter(isKnown), 'a renewal');
        return statuses.every(isKnown);
      },
      async drain(signal) {
        const statuses = await askForEach(self, signal, (app, id) => ({
          method: 'PUT',
          path: `${app}/${id}/status?value=OUT_OF_SERVICE`,
        }));
        expectDone(statuses.filter(isKnown), 'a change of status');
      },
      async remove(signal) {
        const statuses = await askForEach(self, signal, (app, id) => ({ method: 'DELETE', path: `${app}/${id}` }));
        expectDone(statuses.filter(isKnown), 'a deregistration');
      },
    };
  }

  let registration: KeptRegistration | undefined;
  return {
    ...watches,
    scheme: 'eureka',
    names: listed.names,
    knows: (service) => (watches.has(service) ? 'certain' : 'possible'),
    register(self) {
      registration = keepRegistered(entryOf(self), self, { ...parts, registry, log: watches.log });
      return registration;
    },
    async close() {
      await Promise.all([watches.close(), listed.close(), registration?.remove()]);
      for (const client of clients) client.close();
    },
  };
}

/** Eureka answers 404 for an instance that it does not have. */
function isKnown(status: number): boolean {
  return status !== 404;
}
