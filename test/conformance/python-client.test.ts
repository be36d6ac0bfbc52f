import { fileURLToPath } from 'node:url';
import { beforeAll, expect } from 'vitest';
import { testProtoFolder } from '../../mesh/testing/servers/grpc-java.ts';
import { grpcPython, grpcPythonPath } from '../../mesh/testing/servers/grpc-python.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { compressionCases, standardCases } from './support/cases.ts';
import { describeEachEngine, serveTestService } from './support/each-engine.ts';
import { itConforms } from './support/known-gaps.ts';
import { mustRun } from './support/run-tool.ts';

const script = fileURLToPath(new URL('./python/interop_client.py', import.meta.url));
// grpcio compresses all messages of a call or none, so it cannot probe with an uncompressed one.
const cases = [...standardCases, ...compressionCases.filter((name) => !/^client_compressed_[a-z]+$/.test(name))];

describeEachEngine('a server', (engine) => {
  describeWithServer(grpcPython, "called by grpcio's client", () => {
    const port = serveTestService(engine);
    let faults: ReadonlyMap<string, string | null>;

    // One process runs all cases: loading gRPC takes longer than the cases.
    beforeAll(async () => {
      const output = await mustRun([grpcPythonPath, script, testProtoFolder, `127.0.0.1:${port()}`, ...cases]);
      const lines = output.split('\n').filter((line) => line.startsWith('{'));
      faults = new Map(lines.map((line) => JSON.parse(line)).map(({ case: name, fault }) => [name, fault]));
    });

    for (const name of cases) itConforms(`${engine} server`, name, async () => expect(faults.get(name)).toBeNull());
  });
});
