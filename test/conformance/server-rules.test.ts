import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EngineName, engineNames } from '../../mesh/engines/engines.ts';
import { grpcServerRules } from './rules/grpc-server-rules.ts';
import { http2ServerRules } from './rules/http2-server-rules.ts';
import { type ServerRule, see, startRulesServer } from './rules/server-rule.ts';
import type { TestTarget } from './test-service/start.ts';

describe.each(engineNames)('a server on %s', (engine) => {
  let server: TestTarget;
  beforeAll(async () => {
    server = await startRulesServer(engine);
  });
  afterAll(() => server.stop());

  describe('follows RFC 9113 section', () => {
    itFollows(engine, http2ServerRules, () => server.port);
  });

  describe("follows gRPC's PROTOCOL-HTTP2.md:", () => {
    itFollows(engine, grpcServerRules, () => server.port);
  });
});

function itFollows(engine: EngineName, rules: readonly ServerRule[], port: () => number): void {
  for (const tested of rules) {
    const { rule, outcome, fields, grpcJs } = tested;
    const exception = engine === 'grpc-js' ? grpcJs : undefined;
    const title = exception === undefined ? rule : `${rule} (${exception.because})`;
    it.concurrent(title, async () => {
      const seen = await see(port(), tested);
      expect(seen.outcome).toBe(exception?.outcome ?? outcome);
      if (fields !== undefined && exception === undefined) expect({ ...fields, ...seen.fields }).toMatchObject(fields);
    });
  }
}
