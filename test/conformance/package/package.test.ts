import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Engine } from '../../../mesh/engines/engine.ts';
import { connectConformance, grpcGoClient, grpcGoServer, h2spec } from '../../../mesh/testing/servers/go-tools.ts';
import { grpcJava, grpcJavaCommand } from '../../../mesh/testing/servers/grpc-java.ts';
import { grpcPython } from '../../../mesh/testing/servers/grpc-python.ts';
import { describeWithServer } from '../../../mesh/testing/servers/servers.ts';
import { createProject, type OutsideProject } from '../../../scripts/packages/outside-project.ts';
import { packPackages } from '../../../scripts/packages/packed.ts';
import { caseCounts, program, type Role, runSuite, timeoutMs } from '../connect/run-suite.ts';
import { h2specPath, startH2specServer } from '../h2spec/h2spec-server.ts';
import { caseCount, runH2spec } from '../h2spec/run-h2spec.ts';
import type { Client } from '../our-client/case.ts';
import { ourCases } from '../our-client/cases.ts';
import { standardCases } from '../support/cases.ts';
import { runGoCase, runJavaCase, runPythonCases } from '../support/foreign-clients.ts';
import { startForeignServer } from '../support/foreign-server.ts';
import { loadTestMethods } from '../test-service/methods.ts';
import { startTestService, type TestTarget } from '../test-service/start.ts';
import { packageEngine } from './package-engine.ts';

/**
 * nice-grpc's interface has no deadlines: middleware aborts late calls at the client, and a handler is not told when its call ends. These
 * cases want both sides to tell; other cases check that calls end at their deadlines.
 */
const unknownDeadlines = { pattern: 'Deadline Propagation/**', plain: 16, tls: 8 } as const;

/** By `make conformance`: it installs the package in an empty project. */
describe.skipIf(!process.env.WHOLE_SUITES)('the installed @ordermesh/grpc', () => {
  let project: OutsideProject;
  let module: string;
  let engine: Engine;

  beforeAll(async () => {
    await using packages = await packPackages();
    project = await createProject({ dependencies: packages.tarball('grpc') });
    module = join(project.path, 'node_modules/@ordermesh/grpc/dist/index.js');
    engine = await packageEngine(module);
  }, 300_000);
  afterAll(() => project?.[Symbol.asyncDispose]());

  describeWithServer(connectConformance, 'in the conformance suite of Connect', () => {
    const run = async (mode: Role, connection: string, pattern: string, count: number) => {
      const { pattern: late, plain, tls } = unknownDeadlines;
      const failing = { 'a plain connection': plain, TLS: tls }[connection] ?? 0;
      const knownFailing = failing > 0 ? late : undefined;
      const tested = [program(mode), module];
      const ran = await runSuite({ mode, features: 'features', pattern, tested, knownFailing });
      expect(ran).toEqual({ passed: count - failing, failed: 0, knownFailed: failing });
    };

    it.each(caseCounts)(
      'passes the $server cases as a server over $connection, but for deadlines that handlers do not see',
      { timeout: timeoutMs },
      ({ connection, pattern, server }) => run('server', connection, pattern, server),
    );

    it.each(caseCounts)(
      'passes the $client cases as a client over $connection, but for deadlines that it does not send',
      { timeout: timeoutMs },
      ({ connection, pattern, client }) => run('client', connection, pattern, client),
    );
  });

  describeWithServer(h2spec, 'as a server', () => {
    it(`passes all ${caseCount} cases of h2spec`, { timeout: timeoutMs }, async () => {
      const server = await startH2specServer(engine);
      onTestFinished(() => server.stop());
      const outcomes = await runH2spec(server.port, h2specPath);
      expect(Object.keys(outcomes)).toHaveLength(caseCount);
      expect(Object.entries(outcomes).filter(([, outcome]) => outcome !== 'passed')).toEqual([]);
    });
  });

  // The compression cases want a choice for each message, which nice-grpc's interface does not have.
  describeWithServer({ ...grpcJava, name: 'the test contracts of grpc-java' }, 'in the interop cases', () => {
    let target: TestTarget | undefined;
    const port = () => target?.port ?? 0;
    beforeAll(async () => {
      target = await startTestService(engine);
    });
    afterAll(() => target?.stop());

    describeWithServer(grpcGoClient, "as a server, called by grpc-go's client", () => {
      it.each(standardCases)('passes %s', (name) => runGoCase(port(), name));
    });

    describeWithServer(grpcJava, "as a server, called by grpc-java's client", () => {
      it.each(standardCases)('passes %s', (name) => runJavaCase(port(), name));
    });

    describeWithServer(grpcPython, "as a server, called by grpcio's client", () => {
      it(`passes all ${standardCases.length} cases`, async () => {
        const faults = await runPythonCases(port(), standardCases);
        expect(Object.fromEntries(faults)).toEqual(Object.fromEntries(standardCases.map((name) => [name, null])));
      });
    });

    describeWithServer(grpcGoServer, "as a client of grpc-go's server", () => {
      const client = connectTo(() => startForeignServer((free) => [grpcGoServer.path, `-port=${free}`]));
      it.each(Object.entries(ourCases))('passes %s', (_, run) => run(client()));
    });

    describeWithServer(grpcJava, "as a client of grpc-java's server", () => {
      const command = [...grpcJavaCommand('TestServiceServer'), '--use_tls=false', '--address_type=IPV4'];
      const client = connectTo(() => startForeignServer((free) => [...command, `--port=${free}`]));
      it.each(Object.entries(ourCases))('passes %s', (_, run) => run(client()));
    });
  });

  /** Starts a server for the duration of a suite and connects to it. */
  function connectTo(start: () => Promise<TestTarget>): () => Client {
    let server: TestTarget | undefined;
    let client: Client | undefined;
    beforeAll(async () => {
      server = await start();
      client = { transport: engine.connect(`127.0.0.1:${server.port}`), methods: loadTestMethods() };
    });
    afterAll(async () => {
      client?.transport.close();
      await server?.stop();
    });
    return () => {
      if (!client) throw new Error('the server is not started yet: use the client only in tests');
      return client;
    };
  }
});
