import { afterAll, beforeAll } from 'vitest';
import { type EngineName, engineNames } from '../../../mesh/engines/engines.ts';
import { grpcJava } from '../../../mesh/testing/servers/grpc-java.ts';
import { describeWithServer } from '../../../mesh/testing/servers/servers.ts';
import { startTestService, type TestTarget } from '../test-service/start.ts';

/** Runs a suite for each engine. Requires the contracts of the test service, which come with grpc-java. */
export function describeEachEngine(title: string, suite: (engine: EngineName) => void): void {
  for (const engine of engineNames) {
    describeWithServer({ ...grpcJava, name: 'the test contracts of grpc-java' }, `${title} on ${engine}`, () =>
      suite(engine),
    );
  }
}

/** Serves the test service for the duration of a suite. Returns a function for its port. */
export function serveTestService(engine: EngineName): () => number {
  let target: TestTarget | undefined;
  beforeAll(async () => {
    target = await startTestService(engine);
  });
  afterAll(() => target?.stop());
  return () => {
    if (!target) throw new Error(`the test service on ${engine} is not started yet: use its port only in tests`);
    return target.port;
  };
}
