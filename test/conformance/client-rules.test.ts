import { describe, expect, it } from 'vitest';
import { type EngineName, engineNames } from '../../mesh/engines/engines.ts';
import { type ClientRule, get, RuleServer } from './rules/client-rule.ts';
import { grpcClientRules } from './rules/grpc-client-rules.ts';
import { http2ClientRules } from './rules/http2-client-rules.ts';

describe.each(engineNames)('a client on %s', (engine) => {
  describe('follows RFC 9113 section', () => {
    itFollows(engine, http2ClientRules);
  });

  describe("follows gRPC's PROTOCOL-HTTP2.md:", () => {
    itFollows(engine, grpcClientRules);
  });
});

// With many faulty connections at the same time, `node:http2` sometimes aborts the process when it frees them.
const itOn = (engine: EngineName) => (engine === 'grpc-js' ? it : it.concurrent);

function itFollows(engine: EngineName, rules: readonly ClientRule[]): void {
  for (const tested of rules) {
    const { rule, kind, sends, grpcJs } = tested;
    const exception = engine === 'grpc-js' ? grpcJs : undefined;
    const title = exception === undefined ? rule : `${rule} (${exception.because})`;
    itOn(engine)(title, async () => {
      await using server = await RuleServer.start(tested);
      const { outcome, messages = [], text } = exception ?? tested;
      const got = await get(engine, server.address, kind);
      expect(got).toMatchObject({ outcome, messages, ...(text !== undefined && { text }) });
      if (sends !== undefined && exception === undefined) await server.sawSent(sends);
    });
  }
}
