import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { ChannelCredentials, Metadata, Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestCa } from '../../mesh/testing/certificates.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { allServices } from '../../services/all.ts';
import { parseMetrics } from '../support/parse-metrics.ts';
import { exampleProxies, replaceOnce, startExample } from './support/example-proxies.ts';
import { type Clients, connect, draft, follow, wait } from './support/plain-clients.ts';

const { nginx, haproxy } = exampleProxies;

/** Imports users with more than 2 MiB. */
function importLong({ users }: Clients) {
  async function* drafts() {
    for (let count = 0; count < 8000; count += 1) yield draft('n'.repeat(200));
  }
  return users.importUsers(drafts());
}

/** Makes a call with nearly as much metadata as the mesh allows. */
function callWithMetadata({ users }: Clients) {
  const metadata = Metadata({ 'x-long': 'x'.repeat(15 * 1024) });
  return users.getUser({ id: 'unknown' }, { metadata });
}

/** Removes a line from a configuration. */
function without(directive: string) {
  return (config: string) => replaceOnce(config, new RegExp(`^ *${directive}.*\\n`, 'm').exec(config)?.[0] ?? '?', '');
}

describe.each([nginx, haproxy])('the example of $server.name', (proxy) => {
  describeWithServer(proxy.server, 'in front of a mesh', () => {
    let mesh: TestMesh;

    beforeAll(async () => {
      mesh = await startMesh(allServices, { METRICS_LISTEN: '127.0.0.1:0' });
      using direct = connect(mesh.address);
      await direct.users.createUser(draft());
    });
    afterAll(() => mesh.stop());

    async function metric(series: string): Promise<number | undefined> {
      const response = await fetch(`http://${mesh.metricsAddress}/metrics`);
      return parseMetrics(await response.text()).get(series);
    }
    const streams = () => metric('ordermesh_calls_streams{contract="events.v1.EventService"}');

    const openStreams = ({ clients, signal }: { clients: Clients; signal: AbortSignal }) =>
      Array.from({ length: 300 }, () => wait(clients, signal).catch(({ name }) => name));

    it('passes the refusal of a client stream while it is sent', { timeout: 30_000 }, async () => {
      await using started = await startExample(proxy, [mesh.address]);
      using clients = connect(started.address);
      async function* tooLong() {
        for (;;) yield draft('n'.repeat(5 * 1024 * 1024));
      }
      await expect(clients.users.importUsers(tooLong())).rejects.toMatchObject({ code: Status.RESOURCE_EXHAUSTED });
    });

    it('passes 15 KiB of metadata', async () => {
      await using started = await startExample(proxy, [mesh.address]);
      using clients = connect(started.address);
      await expect(callWithMetadata(clients)).rejects.toMatchObject({ code: Status.NOT_FOUND });
    });

    it('passes 300 streams of a connection, and ends them in the mesh when the client cancels', async () => {
      await using started = await startExample(proxy, [mesh.address]);
      using clients = connect(started.address);
      const cancel = new AbortController();
      const waiting = openStreams({ clients, signal: cancel.signal });
      await eventually(async () => expect(await streams()).toBe(300));
      cancel.abort();
      expect(new Set(await Promise.all(waiting))).toEqual(new Set(['AbortError']));
      await eventually(async () => expect(await streams()).toBe(0));
    });

    const [limit, maxStreams] =
      proxy === nginx ? ['http2_max_concurrent_streams', 128] : ['tune.h2.max-concurrent-streams', 100];
    it(`lets further streams than ${maxStreams} wait without ${limit}`, async () => {
      await using started = await startExample(proxy, [mesh.address], without(limit));
      using clients = connect(started.address);
      const cancel = new AbortController();
      const waiting = openStreams({ clients, signal: cancel.signal });
      await eventually(async () => expect(await streams()).toBe(maxStreams));
      // A call waits as well.
      await expect(clients.users.getUser({ id: 'unknown' }, { signal: AbortSignal.timeout(500) })).rejects.toThrow(
        'aborted',
      );
      expect(await streams()).toBe(maxStreams);
      cancel.abort();
      await Promise.all(waiting);
    });

    it('ends a stream that is idle for longer than its timeouts', async () => {
      await using started = await startExample(proxy, [mesh.address], (config) => config.replaceAll(/ 1d\b/g, ' 3s'));
      using clients = connect(started.address);
      const { seen, ended } = follow(clients);
      await ended;
      expect(seen).toMatchObject({ events: 1, error: { code: Status.INTERNAL } });
      await expect(wait(clients)).rejects.toMatchObject({ code: Status.INTERNAL });
    });

    it.runIf(process.env.VERIFY_POLYGLOT === '1')(
      'keeps a stream that is idle for 65 s',
      { timeout: 90_000 },
      async () => {
        await using started = await startExample(proxy, [mesh.address]);
        using clients = connect(started.address);
        const cancel = new AbortController();
        const { seen, ended } = follow(clients, cancel.signal);
        await eventually(() => expect(seen.events).toBeGreaterThan(0));
        await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 65_000))]);
        const before = seen.events;
        await clients.users.createUser(draft());
        await eventually(() => expect(seen).toEqual({ events: before + 1, error: undefined }));
        cancel.abort();
        await ended;
      },
    );

    it('serves TLS as its comment shows', async () => {
      await using folder = await tempFolder();
      const ca = await createTestCa();
      const { key, cert } = await ca.sign('localhost');
      const [both, keyFile] = [join(folder.path, 'both.pem'), join(folder.path, 'key.pem')];
      await Promise.all([writeFile(both, cert + key), writeFile(keyFile, key)]);
      await using started = await startExample(proxy, [mesh.address], (config) =>
        proxy === nginx
          ? replaceOnce(config, ' http2;\n', ` ssl http2;\nssl_certificate ${both}; ssl_certificate_key ${keyFile};\n`)
          : replaceOnce(config, ' proto h2\n', ` ssl crt ${both} alpn h2\n`),
      );
      const address = started.address.replace('127.0.0.1', 'localhost');
      using clients = connect(address, {}, ChannelCredentials.createSsl(Buffer.from(ca.cert)));
      await expect(clients.users.getUser({ id: 'unknown' })).rejects.toMatchObject({ code: Status.NOT_FOUND });
    });

    it('reports UNAVAILABLE without a page if no process of the mesh runs', async () => {
      await using started = await startExample(proxy, [`127.0.0.1:${await freePort()}`]);
      using clients = connect(started.address);
      const details = expect.stringMatching(/no process of the mesh/);
      await expect(clients.users.getUser({ id: 'unknown' })).rejects.toMatchObject({
        code: Status.UNAVAILABLE,
        details,
      });
    });

    // HAProxy itself tries again to connect, for longer than the call may take.
    it.runIf(proxy === nginx)('lets a client repeat a call that the mesh does not answer', async () => {
      let attempts = 0;
      const silent = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.once('data', () => {
          attempts += 1;
          socket.destroy();
        });
      }).listen(await freePort(), '127.0.0.1');
      try {
        await once(silent, 'listening');
        await using started = await startExample(proxy, [`127.0.0.1:${(silent.address() as AddressInfo).port}`]);
        const config = await readFile(new URL('../../gen/service-config/user.json', import.meta.url), 'utf8');
        using clients = connect(started.address, { 'grpc.service_config': config });
        const call = clients.users.getUser({ id: 'unknown' });
        await expect(call).rejects.toMatchObject({ code: Status.UNAVAILABLE });
        expect(attempts).toBeGreaterThan(1);
      } finally {
        silent.close();
      }
    });

    it('passes a client stream of 2 MiB', { timeout: 60_000 }, async () => {
      await using started = await startExample(proxy, [mesh.address]);
      using clients = connect(started.address);
      await expect(importLong(clients)).resolves.toMatchObject({ imported: 8000n, failures: [] });
    });
  });
});

describe.each([
  { proxy: nginx, directive: 'client_max_body_size', call: importLong, code: Status.UNKNOWN },
  { proxy: nginx, directive: 'large_client_header_buffers', call: callWithMetadata, code: Status.RESOURCE_EXHAUSTED },
  { proxy: haproxy, directive: 'tune.bufsize', call: callWithMetadata, code: Status.INTERNAL },
])('the example of $proxy.server.name without $directive', ({ proxy, directive, call, code }) => {
  describeWithServer(proxy.server, 'in front of a mesh', () => {
    it(`refuses long calls with ${Status[code]}`, { timeout: 30_000 }, async () => {
      await using stack = new AsyncDisposableStack();
      const mesh = await startMesh(allServices);
      stack.defer(() => mesh.stop());
      await using started = await startExample(proxy, [mesh.address], without(directive));
      using clients = connect(started.address);
      await expect(call(clients)).rejects.toMatchObject({ code });
    });
  });
});
