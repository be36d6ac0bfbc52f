import { knot, startKnot } from '../../testing/servers/knot.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { testScenarios } from '../suite/scenarios.suite.ts';

describeWithServer(knot, 'the scenarios by DNS', () => {
  testScenarios({
    async startRegistry() {
      const server = await startKnot();
      return {
        url: (port) => `dns://${server.address}/<service>.mesh.test:${port}`,
        enter: (addresses) => server.serve(addresses.map((address) => `test.mesh.test. 1 A ${address.split(':')[0]}`)),
        kill: server.kill,
        start: server.start,
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    },
  });
});
