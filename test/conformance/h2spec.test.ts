import { expect, it, onTestFinished } from 'vitest';
import { type EngineName, engineByName, engineNames } from '../../mesh/engines/engines.ts';
import { h2spec } from '../../mesh/testing/servers/go-tools.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { expectedFailures } from './h2spec/expected-failures.ts';
import { h2specPath, startH2specServer } from './h2spec/h2spec-server.ts';
import { caseCount, runH2spec } from './h2spec/run-h2spec.ts';

for (const engine of engineNames) {
  describeWithServer(h2spec, `HTTP/2 on ${engine}`, () => {
    it('passes all cases of h2spec except those with a known reason', { timeout: 120_000 }, async () => {
      const server = await startH2specServer(await engineByName(engine));
      onTestFinished(() => server.stop());
      const outcomes = await runH2spec(server.port, h2specPath);
      expect(Object.keys(outcomes)).toHaveLength(caseCount);
      const others = Object.entries(outcomes).filter(([, outcome]) => outcome !== 'passed');
      expect(Object.fromEntries(others)).toEqual(failuresOf(engine));
    });
  });
}

function failuresOf(engine: EngineName): Readonly<Record<string, 'failed'>> {
  const ids = Object.keys(expectedFailures[engine] ?? {});
  return Object.fromEntries(ids.map((id) => [id, 'failed']));
}
