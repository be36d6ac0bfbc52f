import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EngineName, engineByName, engineNames } from '../../mesh/engines/engines.ts';
import { grpcGoServer } from '../../mesh/testing/servers/go-tools.ts';
import { grpcJava, grpcJavaCommand } from '../../mesh/testing/servers/grpc-java.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import type { Client, ClientCase } from './our-client/case.ts';
import { ourCases, ourCompressionCases } from './our-client/cases.ts';
import { largeUnary } from './our-client/message-cases.ts';
import { soak } from './support/cases.ts';
import { describeEachEngine } from './support/each-engine.ts';
import { startForeignServer } from './support/foreign-server.ts';
import { itConforms } from './support/known-gaps.ts';
import { loadTestMethods } from './test-service/methods.ts';
import { startTestService, type TestTarget } from './test-service/start.ts';

// grpc-java's server, and ours on grpc-js, cannot detect whether a request was compressed.
const probesForCompression = ['client_compressed_unary', 'client_compressed_streaming'];
const soakTimeout = { timeout: 60_000 };

describeEachEngine('a transport', (engine) => {
  describeWithServer(grpcGoServer, "connected to grpc-go's server", () => {
    const client = connectTo(engine, () => startForeignServer((port) => [grpcGoServer.path, `-port=${port}`]));
    itPasses(engine, ourCases, client);
    itPassesSoaks(client);
  });

  describeWithServer(grpcJava, "connected to grpc-java's server", () => {
    const command = [...grpcJavaCommand('TestServiceServer'), '--use_tls=false', '--address_type=IPV4'];
    const client = connectTo(engine, () => startForeignServer((port) => [...command, `--port=${port}`]));
    itPasses(engine, { ...ourCases, ...casesWithout(...probesForCompression) }, client);
  });

  describe.each(engineNames)('connected to our server on %s', (server) => {
    const client = connectTo(engine, () => startTestService(server));
    itPasses(engine, { ...ourCases, ...casesWithout(...(server === 'grpc-js' ? probesForCompression : [])) }, client);
    if (server === engine) itPassesSoaks(client);
  });
});

interface ConnectedClient extends Client {
  /** Returns a client with its own connection. */
  reconnect(): Client;
}

/** Starts a server for the duration of a suite and connects to it. */
function connectTo(name: EngineName, start: () => Promise<TestTarget>): () => ConnectedClient {
  let target: TestTarget | undefined;
  let client: ConnectedClient | undefined;
  beforeAll(async () => {
    const engine = await engineByName(name);
    target = await start();
    const { port } = target;
    const methods = loadTestMethods();
    const connect = () => ({ transport: engine.connect(`127.0.0.1:${port}`), methods });
    client = { ...connect(), reconnect: connect };
  });
  afterAll(async () => {
    client?.transport.close();
    await target?.stop();
  });
  return () => {
    if (!client) throw new Error('the server is not started yet: use the client only in tests');
    return client;
  };
}

/** The compression cases except these. */
function casesWithout(...names: readonly string[]): Readonly<Record<string, ClientCase>> {
  return Object.fromEntries(Object.entries(ourCompressionCases).filter(([name]) => !names.includes(name)));
}

function itPasses(engine: EngineName, cases: Readonly<Record<string, ClientCase>>, client: () => Client): void {
  for (const [name, run] of Object.entries(cases)) itConforms(`${engine} transport`, name, () => run(client()));
}

function itPassesSoaks(client: () => ConnectedClient): void {
  it(`passes rpc_soak with ${soak.rpcs} calls`, soakTimeout, async () => {
    for (let count = 0; count < soak.rpcs; count++) await withinLimit(() => largeUnary(client()));
  });

  it(`passes channel_soak with ${soak.channels} calls`, soakTimeout, async () => {
    for (let count = 0; count < soak.channels; count++) {
      const once = client().reconnect();
      await withinLimit(() => largeUnary(once));
      once.transport.close();
    }
  });
}

/** Five times the limit of the standard case, because the machine is shared. */
async function withinLimit(call: () => Promise<void>): Promise<void> {
  const startMs = performance.now();
  await call();
  expect(performance.now() - startMs).toBeLessThan(5_000);
}
