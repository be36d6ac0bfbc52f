import { readFileSync } from 'node:fs';
import { ConfigError } from '../../config/config.ts';
import type { KubernetesUrl } from '../../config/discovery-url.ts';
import { messageOf } from '../../errors/error-text.ts';
import type { Discovery } from '../discovery.ts';
import { registryAnswerInvalid, registryUnavailable } from '../errors.ts';
import { listAt, textAt } from '../json-members.ts';
import { createPace } from '../pace.ts';
import { createRegistryHttp } from '../registry-http.ts';
import type { DiscoveryParts } from '../registry-log.ts';
import { createTokenFile } from '../token-file.ts';
import { createWatches, type Follow } from '../watches.ts';
import { instancesOf } from './slices.ts';
import { parseEvent } from './watch-events.ts';

/** The credentials of a pod. */
const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';
/** The API server, as pods reach it. */
const serverOfCluster = 'kubernetes.default.svc:443';

const timeoutMs = 5_000;
/** How long the server keeps a watch open. The slices are listed before each: an error in what is known does not stay. */
const watchS = 290;
const maxWatchMs = (watchS + 10) * 1000;
/** Slices in one answer; each has up to 100 endpoints. */
const pageSize = 50;
const maxSlices = 200;

/** Finds the pods of the Service `<service>-service` by its EndpointSlices. Kubernetes itself registers pods. */
export function createKubernetesDiscovery(
  url: KubernetesUrl & { readonly namespace: string },
  parts: DiscoveryParts,
): Discovery {
  const {
    server = serverOfCluster,
    namespace,
    tokenFile = `${accountFolder}/token`,
    caFile = `${accountFolder}/ca.crt`,
  } = url;
  const registry = `k8s-api://${server}/${namespace}`;
  const http = createRegistryHttp({ origin: `https://${server}`, registry, ca: readCa(caFile) });
  const token = createTokenFile(tokenFile, registry, parts.clock);
  const headers = () => ({ authorization: `Bearer ${token()}` });
  const invalid = (problem: string) => registryAnswerInvalid({ registry, problem });

  const pathOf = (service: string, query: Readonly<Record<string, string>>) =>
    `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices?${new URLSearchParams({
      labelSelector: `kubernetes.io/service-name=${service}-service`,
      ...query,
    })}`;

  /** Returns the slices of a service by name, and the version after which to watch. */
  async function list(service: string, signal: AbortSignal) {
    const slices = new Map<string, unknown>();
    for (let next = ''; ; ) {
      const path = pathOf(service, { limit: String(pageSize), ...(next !== '' && { continue: next }) });
      const answer = await http.ask({ path, headers: headers(), timeoutMs, signal });
      if (answer.status !== 200) throw invalid(`HTTP ${answer.status}`);
      const page = answer.json();
      const items = listAt(page, 'items');
      const version = textAt(page, 'metadata', 'resourceVersion');
      if (!items || version === undefined) throw invalid('a list without items or version');
      for (const item of items) slices.set(textAt(item, 'metadata', 'name') ?? '', item);
      if (slices.size > maxSlices) throw invalid(`more than ${maxSlices} slices`);
      next = textAt(page, 'metadata', 'continue') ?? '';
      if (next === '') return { slices, version };
    }
  }

  const follow: Follow = async function* (service, { signal, rest }) {
    const pace = createPace(parts.clock);
    for (;;) {
      const { slices, version } = await list(service, signal);
      const answer = () => ({ endpoints: instancesOf(slices.values()), isCertain: true });
      yield answer();
      const query = { watch: '1', allowWatchBookmarks: 'true', timeoutSeconds: String(watchS) };
      const path = pathOf(service, { ...query, resourceVersion: version });
      const watch = await http.lines({ path, headers: headers(), timeoutMs, maxMs: maxWatchMs, signal });
      if (watch.status !== 200 && watch.status !== 410) throw invalid(`HTTP ${watch.status}`);
      for await (const line of watch.lines) {
        const event = watch.status === 200 ? parseEvent(line) : undefined;
        if (watch.status === 410 || (event?.kind === 'error' && event.code === 410)) break;
        if (!event) throw invalid(`a line of a watch that is not an event: ${JSON.stringify(line.slice(0, 100))}`);
        if (event.kind === 'error') throw registryUnavailable({ registry, problem: `${event.code} ${event.text}` });
        if (event.kind === 'changed') slices.set(event.name, event.object);
        if (event.kind === 'deleted') slices.delete(event.name);
        if (slices.size > maxSlices) throw invalid(`more than ${maxSlices} slices`);
        yield answer();
      }
      await rest(pace());
    }
  };

  const watches = createWatches(registry, follow, parts);
  return {
    ...watches,
    scheme: 'k8s-api',
    knows: (service) => (watches.has(service) ? 'certain' : 'possible'),
    async close() {
      await watches.close();
      http.close();
    },
  };
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError([
      { variable: 'DISCOVERY_URL', problem: `needs the authorities of the API server: ${messageOf(error)}` },
    ]);
  }
}
