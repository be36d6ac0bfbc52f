import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EngineName, engineByName, engineNames } from '../../mesh/engines/engines.ts';
import { grpcGoServer } from '../../mesh/testing/go-tools.ts';
import { grpcJava, grpcJavaCommand } from '../../mesh/testing/grpc-java.ts';
import { describeWithServer } from '../../mesh/testing/servers.ts';
import type { Client, ClientCase } from './our-client/case.ts';
import { ourCases, ourCompressionCases } from './our-client/cases.ts';
import { largeUnary } from './our-client/message-cases.ts';
import { soak } from './support/cases.ts';
import { describeEachEngine } from './support/each-engine.ts';
import { startForeignServer } from './support/foreign-server.ts';
import { itConforms } from './support/known-gaps.ts';
import { loadTestMethods } from './test-service/methods.ts';
import { startTestService, type TestTarget } from './test-service/start.ts';

// grpc-java's server, and ours on grpc-js, do not look whether a message came compressed.
const blindToCompression = ['client_compressed_unary', 'client_compressed_streaming'];
const longMs = { timeout: 60_000 };

describeEachEngine('a transport', (engine) => {
  describeWithServer(grpcGoServer, "gets along with grpc-go's server", () => {
    const client = connectTo(engine, () => startForeignServer((port) => [grpcGoServer.path, `-port=${port}`]));
    itDoes(engine, ourCases, client);
    itKeepsOn(client);
  });

  describeWithServer(grpcJava, "gets along with grpc-java's server", () => {
    const command = [...grpcJavaCommand('TestServiceServer'), '--use_tls=false', '--address_type=IPV4'];
    const client = connectTo(engine, () => startForeignServer((port) => [...command, `--port=${port}`]));
    itDoes(engine, { ...ourCases, ...casesWithout(...blindToCompression) }, client);
  });

  describe.each(engineNames)('gets along with our server on %s', (server) => {
    const client = connectTo(engine, () => startTestService(server));
    itDoes(engine, { ...ourCases, ...casesWithout(...(server === 'grpc-js' ? blindToCompression : [])) }, client);
    if (server === engine) itKeepsOn(client);
  });
});

interface ConnectedClient extends Client {
  /** The same over a connection of its own. */
  again(): Client;
}

/** Starts a server as long as a suite runs, and gives a way to it. */
function connectTo(name: EngineName, start: () => Promise<TestTarget>): () => ConnectedClient {
  let target: TestTarget | undefined;
  let client: ConnectedClient | undefined;
  beforeAll(async () => {
    const engine = await engineByName(name);
    target = await start();
    const { port } = target;
    const methods = loadTestMethods();
    const connect = () => ({ transport: engine.connect(`127.0.0.1:${port}`), methods });
    client = { ...connect(), again: connect };
  });
  afterAll(async () => {
    client?.transport.close();
    await target?.stop();
  });
  return () => {
    if (!client) throw new Error('the server has not been started: ask for the client in a test');
    return client;
  };
}

/** The cases of compression without some. */
function casesWithout(...names: readonly string[]): Readonly<Record<string, ClientCase>> {
  return Object.fromEntries(Object.entries(ourCompressionCases).filter(([name]) => !names.includes(name)));
}

function itDoes(engine: EngineName, cases: Readonly<Record<string, ClientCase>>, client: () => Client): void {
  for (const [name, run] of Object.entries(cases)) itConforms(`${engine} transport`, name, () => run(client()));
}

function itKeepsOn(client: () => ConnectedClient): void {
  it(`rpc_soak of ${soak.rpcs} calls`, longMs, async () => {
    for (let count = 0; count < soak.rpcs; count++) await soon(() => largeUnary(client()));
  });

  it(`channel_soak of ${soak.channels} calls`, longMs, async () => {
    for (let count = 0; count < soak.channels; count++) {
      const once = client().again();
      await soon(() => largeUnary(once));
      once.transport.close();
    }
  });
}

/** Five times what the standard case allows: others use the machine as well. */
async function soon(call: () => Promise<void>): Promise<void> {
  const startMs = performance.now();
  await call();
  expect(performance.now() - startMs).toBeLessThan(5_000);
}
