import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRegistryHttp, type RegistryAnswer } from '../../discovery/registry-http.ts';
import { createTestCa } from '../certificates.ts';
import { tempFolder } from '../temp-folder.ts';
import { freePort } from './free-port.ts';
import { etcdBuild, kubernetesBuild } from './registry-builds.ts';
import { type RestartableServer, restartable } from './restartable.ts';

/** An API server with an etcd, and nothing else: no nodes and no controllers, so EndpointSlices are as a test writes them. */
export interface KubernetesApi extends RestartableServer {
  /** Certifies the API server. */
  readonly caFile: string;
  /** The token of a user that may list and watch the EndpointSlices of the namespace `mesh`, and nothing else. */
  readonly tokenFile: string;
  /** The token of a user that may do everything. */
  readonly adminTokenFile: string;
  readonly etcd: RestartableServer;
  /** Sends a request as a user that may do everything. Throws if it is refused. */
  ask(method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, body?: object): Promise<RegistryAnswer>;
}

/** Starts both. Both listen on 127.0.0.1. */
export async function startKubernetesApi(): Promise<KubernetesApi> {
  const etcd = await startEtcd();
  const folder = await tempFolder();
  const file = async (name: string, content: string) => {
    const path = join(folder.path, name);
    await writeFile(path, content);
    return path;
  };
  const ca = await createTestCa();
  const server = await ca.sign('127.0.0.1', 'kubernetes.default.svc');
  const caFile = await file('ca.crt', ca.cert);
  const [keyFile, certificateFile] = [await file('server.key', server.key), await file('server.crt', server.cert)];
  const tokens = await file('tokens.csv', 'admin-token,admin,1,"system:masters"\nmesh-token,mesh,2\n');
  const address = `127.0.0.1:${await freePort()}`;
  const flags = {
    'etcd-servers': `http://${etcd.address}`,
    'bind-address': '127.0.0.1',
    'advertise-address': '127.0.0.1',
    'secure-port': address.slice(address.indexOf(':') + 1),
    'tls-cert-file': certificateFile,
    'tls-private-key-file': keyFile,
    'token-auth-file': tokens,
    'authorization-mode': 'RBAC',
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-key-file': certificateFile,
    'service-account-signing-key-file': keyFile,
    'service-cluster-ip-range': '10.96.0.0/24',
    'endpoint-reconciler-type': 'none',
    'disable-admission-plugins': 'ServiceAccount',
    'cert-dir': folder.path,
  };
  const http = createRegistryHttp({ server: address, registry: 'k8s-api', tls: { ca: ca.cert } });
  const ask: KubernetesApi['ask'] = async (method, path, body) => {
    const headers = { authorization: 'Bearer admin-token' };
    const request = { method, path, headers, timeoutMs: 10_000, signal: new AbortController().signal };
    const answer = await http.ask({ ...request, ...(body && { body }) });
    if (answer.status >= 400) throw new Error(`${method} ${path}: ${JSON.stringify(answer.json())}`);
    return answer;
  };
  const api = await restartable({
    command: [kubernetesBuild.path, ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`)],
    address,
    folder,
    log: join(folder.path, 'api.log'),
    isReady: async () => void (await ask('GET', '/api/v1/namespaces/default')),
  });
  await allowDiscovery(ask);
  return {
    ...api,
    etcd,
    ask,
    caFile,
    tokenFile: await file('token', 'mesh-token'),
    adminTokenFile: await file('admin-token', 'admin-token'),
    async [Symbol.asyncDispose]() {
      http.close();
      await api[Symbol.asyncDispose]();
      await etcd[Symbol.asyncDispose]();
    },
  };
}

/** Creates the namespace, and what docs/discovery.md lets pods do in it. */
async function allowDiscovery(ask: KubernetesApi['ask']): Promise<void> {
  const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/mesh';
  const metadata = { name: 'discovery' };
  await ask('POST', '/api/v1/namespaces', { metadata: { name: 'mesh' } });
  await ask('POST', `${rbac}/roles`, {
    metadata,
    rules: [{ apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] }],
  });
  await ask('POST', `${rbac}/rolebindings`, {
    metadata,
    subjects: [{ kind: 'User', name: 'mesh', apiGroup: 'rbac.authorization.k8s.io' }],
    roleRef: { kind: 'Role', name: 'discovery', apiGroup: 'rbac.authorization.k8s.io' },
  });
}

async function startEtcd(): Promise<RestartableServer> {
  const folder = await tempFolder();
  const [address, peer] = [`127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
  const flags = {
    'data-dir': join(folder.path, 'data'),
    'listen-client-urls': `http://${address}`,
    'advertise-client-urls': `http://${address}`,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `default=${peer}`,
    'log-level': 'warn',
  };
  return restartable({
    command: [etcdBuild.path, ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`)],
    address,
    folder,
    log: join(folder.path, 'etcd.log'),
    async isReady() {
      const { ok, status } = await fetch(`http://${address}/health`);
      if (!ok) throw new Error(`HTTP ${status}`);
    },
  });
}
