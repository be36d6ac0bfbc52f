import { Resolver } from 'node:dns/promises';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tempFolder } from '../temp-folder.ts';
import { freePort } from './free-port.ts';
import type { KubernetesApi } from './kubernetes-api.ts';
import { coreDnsBuild } from './registry-builds.ts';
import { type RestartableServer, restartable } from './restartable.ts';

/** Starts the DNS server of a cluster, for names in `cluster.local` with a TTL of 1 s. */
export async function startClusterDns(api: KubernetesApi): Promise<RestartableServer> {
  const folder = await tempFolder();
  const address = `127.0.0.1:${await freePort()}`;
  const config = join(folder.path, 'Corefile');
  await writeFile(
    config,
    `.:${address.slice(address.indexOf(':') + 1)} {
  bind 127.0.0.1
  kubernetes cluster.local {
    kubeconfig ${await writeKubeconfig(folder.path, api)} mesh
    ttl 1
  }
}
`,
  );
  const resolver = new Resolver({ timeout: 1_000, tries: 1 });
  resolver.setServers([address]);
  return restartable({
    command: [coreDnsBuild.path, '-conf', config],
    address,
    folder,
    log: join(folder.path, 'coredns.log'),
    // The version of its records, which it has once it has read the cluster.
    isReady: async () => void (await resolver.resolveTxt('dns-version.cluster.local')),
  });
}

async function writeKubeconfig(folder: string, { address, caFile, adminTokenFile }: KubernetesApi): Promise<string> {
  const file = join(folder, 'kubeconfig');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'mesh', cluster: { server: `https://${address}`, 'certificate-authority': caFile } }],
    users: [{ name: 'mesh', user: { tokenFile: adminTokenFile } }],
    contexts: [{ name: 'mesh', context: { cluster: 'mesh', user: 'mesh' } }],
    'current-context': 'mesh',
  };
  // JSON is YAML.
  await writeFile(file, JSON.stringify(config));
  return file;
}
