import { readFileSync } from 'node:fs';
import { ConfigError } from '../config/config.ts';
import type { DiscoveryUrl, KubernetesDnsUrl } from '../config/discovery-url.ts';
import { createConsulDiscovery } from './consul/consul-discovery.ts';
import type { Discovery } from './discovery.ts';
import { createDnsDiscovery } from './dns/dns-discovery.ts';
import { createEurekaDiscovery } from './eureka/eureka-discovery.ts';
import { createKubernetesDiscovery } from './kubernetes/kubernetes-discovery.ts';
import type { RegistryParts } from './registry-log.ts';
import { createStaticDiscovery } from './static/static-discovery.ts';

/** Opens the registry that `DISCOVERY_URL` names. It need not answer: services are known once it does. */
export function openDiscovery(url: DiscoveryUrl, parts: RegistryParts): Discovery {
  switch (url.scheme) {
    case 'static':
      return createStaticDiscovery(url.addresses);
    case 'dns':
      return createDnsDiscovery(url, parts);
    case 'k8s':
      return createDnsDiscovery({ ...url, server: undefined, name: kubernetesName(url) }, parts);
    case 'k8s-api':
      return createKubernetesDiscovery({ ...url, namespace: url.namespace ?? namespaceOfPod(url.scheme) }, parts);
    case 'consul':
      return createConsulDiscovery(url, parts);
    case 'eureka':
      return createEurekaDiscovery(url, parts);
  }
}

const namespaceFile = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

/**
 * Returns the DNS name that Kubernetes gives to a service:
 * https://kubernetes.io/docs/concepts/services-networking/dns-pod-service. The dot at its end keeps the suffixes of
 * resolv.conf, which has `ndots:5` in a pod, from being tried first.
 */
export function kubernetesName({ scheme, namespace = namespaceOfPod(scheme) }: KubernetesDnsUrl): string {
  return `<service>-service.${namespace}.svc.cluster.local.`;
}

function namespaceOfPod(scheme: string): string {
  try {
    return readFileSync(namespaceFile, 'utf8').trim();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    const problem = `has no namespace, and ${namespaceFile} cannot be read (${error.code}): use ${scheme}:<namespace>`;
    throw new ConfigError([{ variable: 'DISCOVERY_URL', problem }]);
  }
}
