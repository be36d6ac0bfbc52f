import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TestServer } from './servers.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** A server that `make verify-registries` builds. */
export interface RegistryBuild extends TestServer {
  readonly path: string;
}

/** Consul, whose agent has services and their checks. */
export const consulBuild = registryBuild('Consul', 'consul');
/** CoreDNS, the DNS server of Kubernetes. */
export const coreDnsBuild = registryBuild('CoreDNS', 'coredns');
/** The API server of Kubernetes. */
export const kubernetesBuild = registryBuild('Kubernetes', 'kube-apiserver');
/** The database of Kubernetes. */
export const etcdBuild = registryBuild('etcd', 'etcd');

function registryBuild(name: string, file: string): RegistryBuild {
  const module = readFileSync(`${root}scripts/registries/${file}/go.mod`, 'utf8');
  const version = /^require \S+ v(\S+)$/m.exec(module)?.[1];
  const path = `${root}.tools/registries/${file}-${version}/${file}`;
  return { name, path, version: existsSync(path) ? version : undefined };
}
