import { setTimeout } from 'node:timers/promises';
import { knot, startKnot } from '../../testing/servers/knot.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { testScenarios } from '../suite/scenarios.suite.ts';

/** Before it is killed, the server says that the name does not exist. */
const nameIsGoneMs = 10_000;

describeWithServer(knot, 'the scenarios by DNS', () => {
  testScenarios({
    awayMs: 20_000,
    async startRegistry() {
      const server = await startKnot();
      return {
        url: (port) => `dns://${server.address}/<service>.mesh.test:${port}`,
        enter: (addresses) => server.serve(addresses.map((address) => `test.mesh.test. 1 A ${address.split(':')[0]}`)),
        async kill() {
          await server.serve([]);
          await setTimeout(nameIsGoneMs);
          await server.kill();
        },
        start: server.start,
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    },
  });
});
