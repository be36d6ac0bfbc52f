import type { ServerResponse } from 'node:http';
import type { TestCa } from '../../../testing/certificates.ts';
import {
  answerJson,
  type ReceivedRequest,
  type RegistryServer,
  startRegistryServer,
} from '../../testing/registry-server.ts';

/** The token that the server accepts. */
export const apiToken = 'token-of-a-pod';

interface Slice {
  readonly metadata: { readonly name: string };
}

/** The API server of Kubernetes as far as the adapter uses it. It refuses what the real one does, and what the adapter does not need. */
export interface FakeApiServer extends RegistryServer {
  /** Sets slices of the Service `user-service` by their names. Their watchers see it. */
  set(...slices: readonly Slice[]): void;
  delete(name: string): void;
  /** Sends a line to all watchers. */
  send(line: string): void;
  /** Ends all watches, as the real one does after `timeoutSeconds`. */
  endWatches(): void;
  /** The maximum number of slices in an answer, below the limit of the request. */
  pageSize: number;
}

const path = '/apis/discovery.k8s.io/v1/namespaces/mesh/endpointslices';
const label = 'kubernetes.io/service-name';
const selector = `${label}=user-service`;

/** Starts one with a certificate of this CA. */
export async function startFakeApiServer(ca: TestCa): Promise<FakeApiServer> {
  const slices = new Map<string, Slice>();
  const watchers = new Set<ServerResponse>();
  const history: { readonly version: number; readonly line: string }[] = [];
  let version = 100;

  function list(request: ReceivedRequest): void {
    const limit = Math.min(Number(request.query.get('limit')), fake.pageSize);
    const start = Number(request.query.get('continue') ?? 0);
    if (Number.isNaN(start)) {
      answerStatus(request, 400, 'BadRequest');
      return;
    }
    const rest = slices.size - start - limit;
    const metadata = { resourceVersion: String(version), ...(rest > 0 && { continue: String(start + limit) }) };
    const items = [...slices.values()].slice(start, start + limit);
    answerJson(request, { kind: 'EndpointSliceList', apiVersion: 'discovery.k8s.io/v1', metadata, items });
  }

  function listNames(request: ReceivedRequest): void {
    const sliceOf = (service: string, port: object) => ({
      metadata: { name: `${service}-x`, labels: { [label]: service } },
      ports: [{ port: 80, ...port }],
    });
    const items = [
      sliceOf('user-service', { name: 'grpc' }),
      sliceOf('order-service', { name: 'main', appProtocol: 'grpc' }),
      sliceOf('grafana-service', { name: 'http' }),
      sliceOf('postgres', { name: 'grpc' }),
    ];
    answerJson(request, { kind: 'EndpointSliceList', metadata: { resourceVersion: '1' }, items });
  }

  function watch({ query, response }: ReceivedRequest): void {
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    const after = Number(query.get('resourceVersion'));
    for (const { version, line } of history) if (version > after) response.write(`${line}\n`);
    watchers.add(response);
    response.on('close', () => watchers.delete(response));
  }

  const server = await startRegistryServer(
    (request) => {
      const { method, query, headers } = request;
      if (headers.authorization !== `Bearer ${apiToken}`) return answerStatus(request, 401, 'Unauthorized');
      if (method !== 'GET' || request.path !== path) return answerStatus(request, 400, 'BadRequest');
      if (query.get('labelSelector') === label) return listNames(request);
      if (query.get('labelSelector') !== selector) return answerStatus(request, 400, 'BadRequest');
      const names = [...query.keys()].sort().join();
      if (/^(continue,)?labelSelector,limit$/.test(names)) return list(request);
      if (names === 'allowWatchBookmarks,labelSelector,resourceVersion,timeoutSeconds,watch') return watch(request);
      answerStatus(request, 400, 'BadRequest');
    },
    await ca.sign('127.0.0.1'),
  );

  const send = (line: string) => {
    for (const watcher of watchers) watcher.write(`${line}\n`);
  };
  const report = (type: string, object: Slice) => {
    version += 1;
    const metadata = { ...object.metadata, resourceVersion: String(version) };
    const line = JSON.stringify({ type, object: { ...object, metadata } });
    history.push({ version, line });
    send(line);
  };
  const fake: FakeApiServer = {
    ...server,
    pageSize: 500,
    send,
    set(...next) {
      for (const slice of next) {
        const { name } = slice.metadata;
        const type = slices.has(name) ? 'MODIFIED' : 'ADDED';
        slices.set(name, slice);
        report(type, slice);
      }
    },
    delete(name) {
      const last = slices.get(name);
      if (!last) throw new Error(`no slice ${name}`);
      slices.delete(name);
      report('DELETED', last);
    },
    endWatches() {
      for (const watcher of watchers) watcher.end();
    },
  };
  return fake;
}

function answerStatus(request: ReceivedRequest, code: number, reason: string): void {
  answerJson(request, { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, code }, { status: code });
}
