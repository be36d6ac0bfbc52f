import { describe } from 'vitest';
import { startClusterDns } from '../../testing/servers/coredns.ts';
import { testScenarios } from '../suite/scenarios.suite.ts';
import { isVerification, startTestCluster } from './testing/cluster.ts';

// They are built by `make verify-registries`.
describe.runIf(isVerification)('services in Kubernetes, by CoreDNS', () =>
  testScenarios({
    async startRegistry() {
      const { api, ...cluster } = await startTestCluster();
      const dns = await startClusterDns(api);
      return {
        ...dns,
        ...cluster,
        url: (port) => `dns://${dns.address}/<service>-service.mesh.svc.cluster.local:${port}`,
        async [Symbol.asyncDispose]() {
          await dns[Symbol.asyncDispose]();
          await api[Symbol.asyncDispose]();
        },
      };
    },
  }),
);
