import { describe } from 'vitest';
import { startConsulAgent } from '../../testing/servers/consul-agent.ts';
import { testScenarios } from '../suite/scenarios.suite.ts';

// It is built by `make verify-registries`.
describe.runIf(process.env.VERIFY_REGISTRIES === '1')('services in Consul', () =>
  testScenarios({
    async startRegistry() {
      const agent = await startConsulAgent();
      return { ...agent, url: () => `consul://${agent.address}` };
    },
  }),
);
