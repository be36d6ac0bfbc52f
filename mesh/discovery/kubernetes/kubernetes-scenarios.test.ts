import { describe } from 'vitest';
import { testScenarios } from '../suite/scenarios.suite.ts';
import { isVerification, startTestCluster } from './testing/cluster.ts';

// It is built by `make verify-registries`.
describe.runIf(isVerification)('services in Kubernetes, by its API', () =>
  testScenarios({
    async startRegistry() {
      const { api, ...cluster } = await startTestCluster();
      const query = new URLSearchParams({ token_file: api.tokenFile, ca_file: api.caFile });
      return { ...api, ...cluster, url: () => `k8s-api://${api.address}/mesh?${query}` };
    },
  }),
);
