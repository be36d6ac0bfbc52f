import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createTestCa, type TestCa } from '../../testing/certificates.ts';
import { eventually } from '../../testing/eventually.ts';
import { tempFolder } from '../../testing/temp-folder.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import type { Clock } from '../../time/clock.ts';
import { answerJson, badAnswers } from '../testing/registry-server.ts';
import { testParts, watchService } from '../testing/watch-service.ts';
import { createKubernetesDiscovery } from './kubernetes-discovery.ts';
import { apiToken, startFakeApiServer } from './testing/fake-api-server.ts';

/** An endpoint of a slice. */
const pod = (address: string, conditions: object = {}) => ({ addresses: [address], conditions });

const slice = (name: string, endpoints: readonly object[] | null, other: object = {}) => ({
  metadata: { name },
  addressType: 'IPv4',
  ports: [{ name: 'grpc', port: 50051, protocol: 'TCP' }],
  endpoints,
  ...other,
});

const testdata = (name: string) => readFile(new URL(`./testdata/${name}`, import.meta.url), 'utf8');
/** Answers of a Kubernetes 1.37.2: two slices, what then happened to them, and a watch that began at a forgotten version. */
const recorded = {
  list: JSON.parse(await testdata('list-1.37.2.json')) as unknown,
  watch: await testdata('watch-1.37.2.txt'),
};

describe('discovery by the API of Kubernetes', () => {
  let ca: TestCa;
  beforeAll(async () => {
    ca = await createTestCa();
  });

  async function start({ token = apiToken, clock }: { readonly token?: string; readonly clock?: Clock } = {}) {
    const folder = await tempFolder();
    const [caFile, tokenFile] = [join(folder.path, 'ca.crt'), join(folder.path, 'token')];
    await writeFile(caFile, ca.cert);
    await writeFile(tokenFile, `${token}\n`);
    const api = await startFakeApiServer(ca);
    const { parts, warnings } = testParts(clock);
    const url = { scheme: 'k8s-api', server: api.address, namespace: 'mesh', tokenFile, caFile } as const;
    const discovery = createKubernetesDiscovery(url, parts);
    onTestFinished(async () => {
      await discovery.close();
      await api[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });
    const lists = () => api.requests.filter(({ query }) => !query.has('watch'));
    const watches = () => api.requests.filter(({ query }) => query.has('watch'));
    return { api, discovery, warnings, lists, watches };
  }

  /** Starts with one slice with one pod, and waits until it is found and watched. */
  async function startWithPod() {
    const started = await start();
    started.api.set(slice('a', [pod('10.0.0.1')]));
    const found = watchService(started.discovery, 'user');
    await eventually(() => expect(started.watches()).toHaveLength(1));
    expect(found()).toHaveLength(1);
    return { ...started, found };
  }

  it('reads what Kubernetes answers', async () => {
    const { api, discovery, warnings, lists } = await start();
    api.answerWith((request) => {
      if (request.query.has('watch')) request.response.writeHead(200).write(recorded.watch);
      else answerJson(request, recorded.list);
    });
    const seen: string[] = [];
    onTestFinished(
      discovery.watch('user', ({ endpoints }) =>
        seen.push(endpoints.map(({ address, state }) => `${address} ${state}`).join()),
      ),
    );
    // It ends with 410, so the list is read again.
    await eventually(() => expect(lists().length).toBeGreaterThanOrEqual(2));
    expect(seen.slice(0, 3)).toEqual([
      '10.77.0.1:50051 ready,10.77.0.2:50051 draining',
      '10.77.0.1:50051 ready',
      '10.77.0.1:50051 draining',
    ]);
    expect(warnings()).toEqual([]);
  });

  it('reads all pages of a list', async () => {
    const { api, discovery, warnings, lists } = await start();
    api.pageSize = 2;
    for (const [index, name] of ['a', 'b', 'c', 'd', 'e'].entries()) api.set(slice(name, [pod(`10.0.0.${index}`)]));
    const found = watchService(discovery, 'user');
    await eventually(() => expect(found()).toHaveLength(5));
    expect(lists()).toHaveLength(3);
    expect(discovery.knows('user')).toBe('certain');
    expect(warnings()).toEqual([]);
  });

  it('lists again from the first page if the server has forgotten its version', async () => {
    const { api, discovery, warnings, lists } = await start();
    const page = (name: string, address: string, next?: string) => ({
      metadata: { resourceVersion: '1', ...(next !== undefined && { continue: next }) },
      items: [slice(name, [pod(address)])],
    });
    let hasForgotten = false;
    api.answerWith((request) => {
      if (request.query.has('watch')) return void request.response.writeHead(200).flushHeaders();
      if (!request.query.has('continue')) {
        const first = hasForgotten ? page('b', '10.0.0.2', 'more') : page('a', '10.0.0.1', 'more');
        return answerJson(request, first);
      }
      if (hasForgotten) return answerJson(request, page('c', '10.0.0.3'));
      hasForgotten = true;
      answerJson(request, gone, { status: 410 });
    });
    const found = watchService(discovery, 'user');
    await eventually(() =>
      expect(found()?.map(({ address }) => address)).toEqual(['10.0.0.2:50051', '10.0.0.3:50051']),
    );
    expect(lists()).toHaveLength(4);
    expect(warnings()).toEqual([]);
  });

  it('asks a server that refuses its watches about once a second', async () => {
    const clock = createTestClock();
    const { api, discovery, lists } = await start({ clock });
    api.answerWith((request) => {
      if (request.query.has('watch')) request.response.writeHead(500).end();
      else answerJson(request, { metadata: { resourceVersion: '1' }, items: [] });
    });
    watchService(discovery, 'user');
    for (let waits = 0; waits < 20; waits += 1)
      clock.advance((await eventually(() => clock.pendingMs()[0] ?? expect.fail())) ?? 0);
    expect(lists().length).toBeGreaterThan(8);
    expect(clock.elapsedMs()).toBeGreaterThanOrEqual((lists().length - 3) * 1_000);
  });

  it('lists the Services of its namespace whose names end in -service and that have a port for gRPC', async () => {
    const { discovery } = await start();
    await eventually(() => expect(discovery.names()).toEqual(['user', 'order']));
  });

  it('sees each change when it happens', async () => {
    const { api, found, lists } = await startWithPod();
    api.set(slice('b', [pod('10.0.0.2')]));
    await eventually(() => expect(found()).toHaveLength(2));
    api.set(slice('a', [pod('10.0.0.1', { ready: false, serving: true, terminating: true })]));
    await eventually(() => expect(found()?.[0]).toMatchObject({ state: 'draining' }));
    api.delete('a');
    await eventually(() => expect(found()).toMatchObject([{ address: '10.0.0.2:50051' }]));
    expect(lists()).toHaveLength(1);
  });

  it('changes nothing after a bookmark', async () => {
    const { api, found, warnings } = await startWithPod();
    const metadata = { resourceVersion: '150', creationTimestamp: null };
    api.send(
      JSON.stringify({ type: 'BOOKMARK', object: { kind: 'EndpointSlice', metadata, endpoints: null, ports: null } }),
    );
    api.set(slice('b', [pod('10.0.0.2')]));
    await eventually(() => expect(found()).toHaveLength(2));
    expect(warnings()).toEqual([]);
  });

  const gone = {
    kind: 'Status',
    status: 'Failure',
    message: 'too old resource version: 100 (200)',
    reason: 'Expired',
    code: 410,
  };

  it.each<[string, (api: Awaited<ReturnType<typeof startFakeApiServer>>) => void]>([
    ['ends', (api) => api.endWatches()],
    ['reports 410 inside of its answer', (api) => api.send(JSON.stringify({ type: 'ERROR', object: gone }))],
  ])('lists again when a watch %s', async (_, end) => {
    const { api, found, warnings, lists, watches } = await startWithPod();
    end(api);
    await eventually(() => expect(watches()).toHaveLength(2));
    expect(lists()).toHaveLength(2);
    api.set(slice('b', [pod('10.0.0.2')]));
    await eventually(() => expect(found()).toHaveLength(2));
    expect(warnings()).toEqual([]);
  });

  const badLines: Readonly<Record<string, string>> = {
    'that is not JSON': '<html>',
    'of an unknown type': '{"type":"MOVED","object":{"metadata":{"name":"a"}}}',
    'without an object': '{"type":"DELETED"}',
    'with an error': '{"type":"ERROR","object":{"code":500,"message":"etcdserver: leader changed"}}',
    'without an end': 'x'.repeat(5 * 1024 * 1024),
  };

  it.each(Object.keys(badLines))('keeps the instances after a line %s, logs that, and lists again', async (bad) => {
    const { api, found, warnings, lists } = await startWithPod();
    api.send(badLines[bad] ?? '');
    await eventually(() => expect(lists().length).toBeGreaterThanOrEqual(2));
    expect(found()).toHaveLength(1);
    api.set(slice('b', [pod('10.0.0.2')]));
    await eventually(() => expect(found()).toHaveLength(2));
    expect(warnings()).toHaveLength(1);
  });

  const resourceVersionTooLarge: (typeof badAnswers)[string] = ({ response }) => {
    const details = { causes: [{ reason: 'ResourceVersionTooLarge' }], retryAfterSeconds: 1 };
    response.writeHead(504).end(JSON.stringify({ kind: 'Status', reason: 'Timeout', code: 504, details }));
  };
  const endlessList: (typeof badAnswers)[string] = (request) =>
    answerJson(request, { metadata: { resourceVersion: '1', continue: 'more' }, items: [] });
  const answers: typeof badAnswers = {
    'sends a list without an end': endlessList,
    ...badAnswers,
    'answers 504': resourceVersionTooLarge,
  };

  it.each(Object.keys(answers))(
    'keeps the instances while the server %s, logs that once, and continues afterwards',
    async (bad) => {
      const { api, found, warnings } = await startWithPod();
      api.answerWith(answers[bad]);
      api.hangUp();
      const asked = api.requests.length;
      await eventually(() => expect(api.requests.length).toBeGreaterThanOrEqual(asked + 1));
      expect(found()).toHaveLength(1);
      api.answerWith(undefined);
      api.set(slice('b', [pod('10.0.0.2')]));
      await eventually(() => expect(found()).toHaveLength(2));
      expect(new Set(warnings()).size).toBe(warnings().length);
    },
  );

  it('logs a token that the server does not accept', async () => {
    const { discovery, warnings } = await start({ token: 'old' });
    const found = watchService(discovery, 'user');
    await eventually(() => expect(warnings()).toEqual(['REGISTRY_REFUSED']));
    expect(found()).toBeUndefined();
  });
});
