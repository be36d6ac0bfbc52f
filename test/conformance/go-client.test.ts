import { it } from 'vitest';
import { grpcGoClient } from '../../mesh/testing/go-tools.ts';
import { describeWithServer } from '../../mesh/testing/servers.ts';
import { soak, standardCases } from './support/cases.ts';
import { describeEachEngine, serveTestService } from './support/each-engine.ts';
import { itConforms } from './support/known-gaps.ts';
import { mustRun } from './support/run-tool.ts';

const longMs = { timeout: 60_000 };
const soakLimit = ['-soak_overall_timeout_seconds=50'];

describeEachEngine('a server', (engine) => {
  describeWithServer(grpcGoClient, "answers grpc-go's client as it expects", () => {
    const port = serveTestService(engine);

    // An address, no name: for a name the client would ask the network's DNS, also for its service config.
    const run = (name: string, ...args: string[]) =>
      mustRun([grpcGoClient.path, '-server_host=127.0.0.1', `-server_port=${port()}`, `-test_case=${name}`, ...args]);

    for (const name of standardCases) itConforms(`${engine} server`, name, () => run(name));

    it.each([
      ['rpc_soak', soak.rpcs],
      ['channel_soak', soak.channels],
    ])('%s of %i calls', longMs, async (name, count) => {
      await run(name, `-soak_iterations=${count}`, ...soakLimit);
    });

    it(`rpc_soak of ${soak.rpcs} calls, 8 at a time on one connection`, longMs, async () => {
      await run('rpc_soak', `-soak_iterations=${soak.rpcs}`, '-soak_num_threads=8', ...soakLimit);
    });
  });
});
