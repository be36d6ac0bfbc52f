import type { KubernetesUrl } from '../../config/discovery-url.ts';
import type { Discovery } from '../discovery.ts';
import { registryAnswerInvalid, registryUnavailable } from '../errors.ts';
import { listAt, textAt } from '../json-members.ts';
import { createListedNames, type FollowNames } from '../listed-names.ts';
import { createPaces } from '../pace.ts';
import { createRegistryHttp } from '../registry-http.ts';
import type { RegistryParts } from '../registry-log.ts';
import { createTokenFile } from '../token-file.ts';
import { createWatches, type Follow } from '../watches.ts';
import { hasGrpcPort, instancesOf } from './slices.ts';
import { parseEvent } from './watch-events.ts';

/** The credentials of a pod. */
const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';
/** The API server, as pods reach it. */
const serverOfCluster = 'kubernetes.default.svc:443';

/** The Service that a slice belongs to: the name of ours and a suffix. */
const serviceLabel = 'kubernetes.io/service-name';
const suffix = '-service';

const timeoutMs = 5_000;
const namesEveryMs = 10_000;

/** The status of a version that the server has forgotten: of an answer, or inside one. */
const gone = 410;
/** How long the server keeps a watch open. The slices are listed before each: an error in what is known does not stay. */
const watchS = 290;
const maxWatchMs = (watchS + 10) * 1000;
/** Slices in one answer; each has up to 100 endpoints. */
const pageSize = 50;
const maxPages = 20;
/** Lists, each followed by a watch, before there is one a second. */
const burst = 2;
const maxSlices = pageSize * maxPages;

/** Finds the pods of the Service `<service>-service` by its EndpointSlices. Kubernetes itself registers pods. */
export function createKubernetesDiscovery(
  url: KubernetesUrl & { readonly namespace: string },
  parts: RegistryParts,
): Discovery {
  const {
    server = serverOfCluster,
    namespace,
    tokenFile = `${accountFolder}/token`,
    caFile = `${accountFolder}/ca.crt`,
  } = url;
  const registry = `k8s-api://${server}/${namespace}`;
  const trust = parts.trustOf(caFile);
  // Pods prove who they are by tokens: a certificate of the mesh says nothing to the cluster.
  const authorities = {
    get ca() {
      return trust.ca;
    },
  };
  const http = createRegistryHttp({ server, registry, tls: authorities });
  const token = createTokenFile(tokenFile, registry, parts.clock);
  const headers = () => ({ authorization: `Bearer ${token()}` });
  const invalid = (problem: string) => registryAnswerInvalid({ registry, problem });

  const pathOf = (query: Readonly<Record<string, string>>) =>
    `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices?${new URLSearchParams(query)}`;

  /** Returns slices by name, and the version after which to watch them. */
  async function list(labelSelector: string, signal: AbortSignal) {
    const slices = new Map<string, unknown>();
    let next = '';
    for (let page = 0; page < maxPages; page += 1) {
      const path = pathOf({ labelSelector, limit: String(pageSize), ...(next !== '' && { continue: next }) });
      const answer = await http.ask({ path, headers: headers(), timeoutMs, signal });
      if (answer.status === gone && next !== '') {
        // The server has forgotten the version of the first pages.
        slices.clear();
        next = '';
        continue;
      }
      if (answer.status !== 200) throw invalid(`HTTP ${answer.status}`);
      const list = answer.json();
      const items = listAt(list, 'items');
      const version = textAt(list, 'metadata', 'resourceVersion');
      if (!items || version === undefined) throw invalid('a list without items or version');
      for (const item of items) slices.set(textAt(item, 'metadata', 'name') ?? '', item);
      next = textAt(list, 'metadata', 'continue') ?? '';
      if (next === '') return { slices, version };
    }
    throw invalid(`more than ${maxPages} pages of a list`);
  }

  const pace = createPaces(parts.clock, burst);

  const follow: Follow = async function* (service, { signal, rest }) {
    const labelSelector = `${serviceLabel}=${service}${suffix}`;
    for (;;) {
      await rest(pace(service));
      const { slices, version } = await list(labelSelector, signal);
      const answer = () => ({ endpoints: instancesOf(slices.values()), isCertain: true });
      yield answer();
      const query = { watch: '1', allowWatchBookmarks: 'true', timeoutSeconds: String(watchS) };
      const path = pathOf({ ...query, labelSelector, resourceVersion: version });
      const watch = await http.lines({ path, headers: headers(), timeoutMs, maxMs: maxWatchMs, signal });
      if (watch.status !== 200 && watch.status !== gone) throw invalid(`HTTP ${watch.status}`);
      for await (const line of watch.lines) {
        const event = parseEvent(line);
        if (event?.kind === 'error' && event.code === gone) break;
        if (!event) throw invalid(`a line of a watch that is not an event: ${JSON.stringify(line.slice(0, 100))}`);
        if (event.kind === 'error') throw registryUnavailable({ registry, problem: `${event.code} ${event.text}` });
        if (event.kind === 'changed') slices.set(event.name, event.object);
        if (event.kind === 'deleted') slices.delete(event.name);
        if (slices.size > maxSlices) throw invalid(`more than ${maxSlices} slices`);
        yield answer();
      }
    }
  };

  const followNames: FollowNames = async function* ({ signal, rest }) {
    for (; ; await rest(namesEveryMs)) {
      const { slices } = await list(serviceLabel, signal);
      const names = [...slices.values()]
        .filter(hasGrpcPort)
        .map((slice) => textAt(slice, 'metadata', 'labels', serviceLabel) ?? '');
      yield [...new Set(names.filter((name) => name.endsWith(suffix)).map((name) => name.slice(0, -suffix.length)))];
    }
  };

  const watches = createWatches(registry, follow, parts);
  const listed = createListedNames(followNames, watches.log, parts.clock);
  return {
    ...watches,
    scheme: 'k8s-api',
    names: listed.names,
    knows: (service) => (watches.has(service) ? 'certain' : 'possible'),
    async close() {
      await Promise.all([watches.close(), listed.close()]);
      http.close();
    },
  };
}
