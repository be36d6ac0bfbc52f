import { beforeAll, expect } from 'vitest';
import { grpcPython } from '../../mesh/testing/servers/grpc-python.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { compressionCases, standardCases } from './support/cases.ts';
import { describeEachEngine, serveTestService } from './support/each-engine.ts';
import { runPythonCases } from './support/foreign-clients.ts';
import { itConforms } from './support/known-gaps.ts';

// grpcio compresses all messages of a call or none, so it cannot probe with an uncompressed one.
const cases = [...standardCases, ...compressionCases.filter((name) => !/^client_compressed_[a-z]+$/.test(name))];

describeEachEngine('a server', (engine) => {
  describeWithServer(grpcPython, "called by grpcio's client", () => {
    const port = serveTestService(engine);
    let faults: ReadonlyMap<string, string | null>;

    beforeAll(async () => {
      faults = await runPythonCases(port(), cases);
    });

    for (const name of cases) itConforms(`${engine} server`, name, async () => expect(faults.get(name)).toBeNull());
  });
});
