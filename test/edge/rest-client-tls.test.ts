import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { createServer } from 'node:tls';
import { Status } from 'nice-grpc-common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RestApi } from '#gen/rest.ts';
import { createServiceClient } from '../../mesh/rest-client/create-service-client.ts';
import { type Certificate, createTestCa, type TestCa } from '../../mesh/testing/certificates.ts';
import { spawnProcess } from '../../mesh/testing/servers/start-process.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { allServices } from '../../services/all.ts';

/** A TLS server that passes everything to an HTTP server, as a proxy in front of the edge does. */
async function startTlsProxy(target: string, certificate: Certificate) {
  const [host, port] = target.split(':');
  let accepted = 0;
  const server = createServer(certificate, (client) => {
    accepted += 1;
    const upstream = connect(Number(port), host);
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    client.on('error', end).on('close', end).pipe(upstream).on('error', end).on('close', end).pipe(client);
  });
  server.on('tlsClientError', () => undefined);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    accepted: () => accepted,
    close: () => server.close(),
  };
}

describe('the REST client at the edge behind TLS', () => {
  let mesh: TestMesh;
  let ca: TestCa;
  let proxy: Awaited<ReturnType<typeof startTlsProxy>>;
  const baseUrl = (host: string) => `https://${host}:${proxy.port}/api`;

  beforeAll(async () => {
    mesh = await startMesh(allServices, { HTTP_LISTEN: '127.0.0.1:0' });
    ca = await createTestCa();
    proxy = await startTlsProxy(mesh.httpAddress ?? '', await ca.sign('localhost'));
  });
  afterAll(async () => {
    proxy?.close();
    await mesh?.stop();
  });

  it('refuses a certificate whose authority it does not know, and says what to do', async () => {
    using client = createServiceClient<RestApi>(baseUrl('localhost'));
    const before = proxy.accepted();
    await expect(client.get('/topics')).rejects.toMatchObject({
      code: Status.UNAVAILABLE,
      reason: 'SERVER_UNREACHABLE',
      status: undefined,
      message: expect.stringMatching(
        /\([A-Z_]+: set ca or NODE_EXTRA_CA_CERTS to the authority that signed its certificate\)/,
      ),
    });
    expect(proxy.accepted() - before).toBeLessThanOrEqual(1);
  });

  it('accepts it with the CA, and not one of another CA', async () => {
    using client = createServiceClient<RestApi>(baseUrl('localhost'), { ca: ca.cert });
    expect((await client.get('/topics')).data.topics.length).toBeGreaterThan(0);
    const other = await createTestCa('another CA');
    using stranger = createServiceClient<RestApi>(baseUrl('localhost'), { ca: other.cert });
    await expect(stranger.get('/topics')).rejects.toMatchObject({ reason: 'SERVER_UNREACHABLE' });
  });

  it('refuses a certificate for another name', async () => {
    using client = createServiceClient<RestApi>(baseUrl('127.0.0.1'), { ca: ca.cert });
    await expect(client.get('/topics')).rejects.toMatchObject({
      reason: 'SERVER_UNREACHABLE',
      message: expect.stringContaining('connect to a name that is in its certificate'),
    });
  });

  it('accepts it in a program with NODE_EXTRA_CA_CERTS', { timeout: 60_000 }, async () => {
    await using folder = await tempFolder();
    const file = `${folder.path}/ca.pem`;
    await writeFile(file, ca.cert);
    await using example = spawnProcess({
      main: 'examples/rest-client.ts',
      dataDir: '',
      environment: { API_URL: baseUrl('localhost'), NODE_EXTRA_CA_CERTS: file },
    });
    expect(await example.ended, example.stderr()).toEqual({ code: 0, signal: null });
    expect(example.stdout()).toContain('it ended: ORDER_STATE_COMPLETED');
  });

  it('says so when it calls a server without TLS', async () => {
    using client = createServiceClient<RestApi>(`https://${mesh.httpAddress}/api`);
    await expect(client.get('/topics')).rejects.toMatchObject({
      reason: 'SERVER_UNREACHABLE',
      message: expect.stringContaining('connect without TLS if it does not use TLS there'),
    });
  });
});
