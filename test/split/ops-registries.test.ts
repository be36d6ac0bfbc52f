import { afterAll, beforeAll, expect, it } from 'vitest';
import { StatusServiceContract } from '#gen/ops/v1/status.contract.ts';
import { answerJson, type RegistryServer, startRegistryServer } from '../../mesh/discovery/testing/registry-server.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { type KnotServer, knot, startKnot } from '../../mesh/testing/servers/knot.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { type StartedProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { opsService } from '../../services/ops/service.ts';

const ips = ['127.0.0.2', '127.0.0.3'] as const;

describeWithServer(knot, 'ops of two user processes that it finds by a registry', () => {
  let folder: TempFolder;
  let dns: KnotServer;
  let eureka: RegistryServer;
  let users: StartedProcess[];
  let meshes: TestMesh[];
  let port: number;

  beforeAll(async () => {
    [folder, dns, port] = await Promise.all([tempFolder(), startKnot(), freePort()]);
    await dns.serve(ips.map((ip) => `user.mesh.test. 1 A ${ip}`));
    eureka = await startRegistryServer((request) => {
      const { method, path, response } = request;
      const instance = ips.map((ipAddr) => ({ ipAddr, status: 'UP', metadata: { grpcPort: `${port}` } }));
      const app = { name: 'USER', instance };
      if (method !== 'GET') response.writeHead(204).end();
      else if (path === '/eureka/apps') answerJson(request, { applications: { application: [app] } });
      else if (path.endsWith('/USER')) answerJson(request, { application: app });
      else response.writeHead(404).end();
    });
    const start = (ip: string) =>
      startProcess({ dataDir: `${folder.path}/${ip}`, args: ['user'], environment: { GRPC_LISTEN: `${ip}:${port}` } });
    users = await Promise.all(ips.map(start));
    const urls = [`dns://${dns.address}/<service>.mesh.test:${port}`, `eureka://${eureka.address}?fetch_ms=500`];
    meshes = await Promise.all(urls.map((url) => startMesh([opsService], { DISCOVERY_URL: url })));
  }, 90_000);
  afterAll(async () => {
    await Promise.all([...meshes.map((mesh) => mesh.stop()), ...users.map((user) => user.end('SIGKILL'))]);
    await Promise.all([dns[Symbol.asyncDispose](), eureka[Symbol.asyncDispose]()]);
    await folder[Symbol.asyncDispose]();
  });

  /** The users that answer and those that do not, as ops shows them that finds them by DNS, or by Eureka. */
  async function usersOf(mesh: TestMesh | undefined) {
    const status = await mesh?.runtime.client(StatusServiceContract).getStatus({});
    const found = status?.instances.filter(({ name }) => name === 'user').map(({ address }) => address);
    const silent = status?.unknown.filter(({ part, instance }) => part === 'process' && /^user\b/.test(instance));
    return { found, silent: silent?.map(({ instance }) => instance) };
  }
  const at = (ip: string) => `${ip}:${port}`;

  it('shows both by DNS and by Eureka', async () => {
    for (const mesh of meshes)
      await eventually(async () => expect(await usersOf(mesh)).toEqual({ found: ips.map(at), silent: [] }));
  });

  it('names the one that was killed while the registry still has it', async () => {
    await users[0]?.kill9();
    for (const mesh of meshes)
      await eventually(async () =>
        expect(await usersOf(mesh)).toEqual({ found: [at(ips[1])], silent: [`user@${at(ips[0])}`] }),
      );
  });
});
