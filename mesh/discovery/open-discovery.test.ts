import { existsSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ConfigError } from '../config/config.ts';
import { parseDiscoveryUrl } from '../config/discovery-url.ts';
import { parseResolvConf, searchNames } from './dns/search-names.ts';
import { kubernetesName, openDiscovery } from './open-discovery.ts';
import { testParts } from './testing/watch-service.ts';

function open(text: string) {
  const url = parseDiscoveryUrl(text) ?? expect.fail(`${text} is not valid`);
  const discovery = openDiscovery(url, testParts().parts);
  onTestFinished(() => discovery.close());
  return discovery;
}

describe('openDiscovery', () => {
  it.each([
    'static:user=127.0.0.1:1',
    'dns:<service>:50051',
    'k8s:production',
    'consul://127.0.0.1:1',
    'consul+https://127.0.0.1:1',
    'eureka://127.0.0.1:1',
  ])('opens %s, which need not answer', (text) => {
    const discovery = open(text);
    expect(text.startsWith(discovery.scheme)).toBe(true);
    expect(discovery.knows('user')).toBe(discovery.scheme === 'static' ? 'certain' : 'possible');
    expect(typeof discovery.register).toBe(/consul|eureka/.test(text) ? 'function' : 'undefined');
  });

  it.skipIf(existsSync('/var/run/secrets/kubernetes.io')).each(['k8s:', 'k8s-api:'])(
    'refuses %s outside of a cluster, where it has no namespace',
    (text) => {
      expect(() => open(text)).toThrow(ConfigError);
      expect(() => open(text)).toThrow(/^DISCOVERY_URL has no namespace, .*: use k8s/);
    },
  );
});

describe('the name of a service in Kubernetes', () => {
  it('is asked for without the suffixes of a pod', () => {
    const rules = parseResolvConf('search mesh.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n');
    const name = kubernetesName({ scheme: 'k8s', namespace: 'mesh', port: 50_051 });
    expect(searchNames(name, rules)).toEqual(['<service>-service.mesh.svc.cluster.local']);
  });
});
