import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engineByName, engineNames } from '../../mesh/engines/engines.ts';
import { toStatus } from '../../mesh/errors/to-status.ts';
import { createLogger } from '../../mesh/telemetry/logger.ts';
import { engineBehindGateway, type Gateway, openGateway } from '../../mesh/testing/engine-behind-gateway.ts';
import { grpcGoClient, grpcGoServer } from '../../mesh/testing/servers/go-tools.ts';
import { grpcJava, testProtoFolder } from '../../mesh/testing/servers/grpc-java.ts';
import { grpcPython, grpcPythonPath } from '../../mesh/testing/servers/grpc-python.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import type { Client } from './our-client/case.ts';
import { ourCases, ourCompressionCases } from './our-client/cases.ts';
import { compressionCases, standardCases } from './support/cases.ts';
import { startForeignServer } from './support/foreign-server.ts';
import { mustRun } from './support/run-tool.ts';
import { loadTestMethods } from './test-service/methods.ts';
import { startTestService, type TestTarget } from './test-service/start.ts';

const script = fileURLToPath(new URL('./python/interop_client.py', import.meta.url));

describeWithServer({ ...grpcJava, name: 'the test contracts of grpc-java' }, 'a server behind the gateway', () => {
  let target: TestTarget;
  beforeAll(async () => {
    target = await startTestService(engineBehindGateway);
  });
  afterAll(() => target?.stop());

  describeWithServer(grpcGoClient, "called by grpc-go's client", () => {
    it.each(standardCases)('passes %s', async (name) => {
      await mustRun([grpcGoClient.path, '-server_host=127.0.0.1', `-server_port=${target.port}`, `-test_case=${name}`]);
    });
  });

  describeWithServer(grpcPython, "called by grpcio's client", () => {
    it('passes all cases', async () => {
      // grpcio compresses all messages of a call or none, so it cannot probe with an uncompressed one.
      const compression = compressionCases.filter((name) => !/^client_compressed_[a-z]+$/.test(name));
      const cases = [...standardCases, ...compression];
      const output = await mustRun([grpcPythonPath, script, testProtoFolder, `127.0.0.1:${target.port}`, ...cases]);
      const lines = output.split('\n').filter((line) => line.startsWith('{'));
      const faults = lines.map((line) => JSON.parse(line)).filter(({ fault }) => fault !== null);
      expect(lines).toHaveLength(cases.length);
      expect(faults).toEqual([]);
    });
  });

  describe.each(engineNames)('called by our client on %s', (name) => {
    itPassesOurCases(async () => (await engineByName(name)).connect(`127.0.0.1:${target.port}`), {
      ...ourCases,
      ...ourCompressionCases,
    });
  });
});

describeWithServer(grpcGoServer, "grpc-go's server behind the gateway", () => {
  let server: TestTarget;
  let gateway: Gateway;
  beforeAll(async () => {
    server = await startForeignServer((port) => [grpcGoServer.path, `-port=${port}`]);
    const logger = createLogger('silent');
    const options = {
      toStatus: (error: unknown, call: Parameters<typeof toStatus>[1]) => toStatus(error, call, logger),
    };
    gateway = await openGateway(`127.0.0.1:${server.port}`, '127.0.0.1:0', options);
  });
  afterAll(async () => {
    await gateway?.drain(0);
    await server?.stop();
  });

  itPassesOurCases(async () => (await engineByName('native')).connect(`127.0.0.1:${gateway.port}`), ourCases);
});

function itPassesOurCases(connect: () => Promise<Client['transport']>, cases: typeof ourCompressionCases): void {
  it.each(Object.entries(cases))('passes %s', async (_, run) => {
    const transport = await connect();
    try {
      await run({ transport, methods: loadTestMethods() });
    } finally {
      transport.close();
    }
  });
}
