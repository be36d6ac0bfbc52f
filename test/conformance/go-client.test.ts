import { it } from 'vitest';
import { grpcGoClient } from '../../mesh/testing/servers/go-tools.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { soak, standardCases } from './support/cases.ts';
import { describeEachEngine, serveTestService } from './support/each-engine.ts';
import { runGoCase } from './support/foreign-clients.ts';
import { itConforms } from './support/known-gaps.ts';

const soakTimeout = { timeout: 60_000 };
const soakLimit = ['-soak_overall_timeout_seconds=50'];

describeEachEngine('a server', (engine) => {
  describeWithServer(grpcGoClient, "called by grpc-go's client", () => {
    const port = serveTestService(engine);

    for (const name of standardCases) itConforms(`${engine} server`, name, () => runGoCase(port(), name));

    it.each([
      ['rpc_soak', soak.rpcs],
      ['channel_soak', soak.channels],
    ])('passes %s with %i calls', soakTimeout, async (name, count) => {
      await runGoCase(port(), name, `-soak_iterations=${count}`, ...soakLimit);
    });

    it(`passes rpc_soak with ${soak.rpcs} calls, 8 at a time on one connection`, soakTimeout, async () => {
      await runGoCase(port(), 'rpc_soak', `-soak_iterations=${soak.rpcs}`, '-soak_num_threads=8', ...soakLimit);
    });
  });
});
