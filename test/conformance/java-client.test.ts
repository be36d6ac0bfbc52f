import { it } from 'vitest';
import { grpcJava } from '../../mesh/testing/servers/grpc-java.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { compressionCases, soak, standardCases } from './support/cases.ts';
import { describeEachEngine, serveTestService } from './support/each-engine.ts';
import { runJavaCase } from './support/foreign-clients.ts';
import { itConforms } from './support/known-gaps.ts';

const soakTimeout = { timeout: 60_000 };
const soakLimit = ['--soak_overall_timeout_seconds=50'];

describeEachEngine('a server', (engine) => {
  describeWithServer(grpcJava, "called by grpc-java's client", () => {
    const port = serveTestService(engine);

    // The cases run concurrently. A known gap takes 15 s to fail, so those come first.
    for (const name of [...compressionCases, ...standardCases])
      itConforms(`${engine} server`, name, () => runJavaCase(port(), name));

    // The first call of a cold JVM takes most of a second. The longer soaks run with grpc-go.
    it.each([
      ['rpc_soak', soak.rpcs / 5],
      ['channel_soak', soak.channels / 5],
    ])('passes %s with %i calls', soakTimeout, async (name, count) => {
      await runJavaCase(
        port(),
        name,
        `--soak_iterations=${count}`,
        '--soak_per_iteration_max_acceptable_latency_ms=5000',
        ...soakLimit,
      );
    });
  });
});
