import { describe, expect, it } from 'vitest';
import { type EngineName, engineNames } from '../../mesh/engines/engines.ts';
import { spawnCommand } from '../../mesh/testing/servers/spawn-command.ts';
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

  it('survives that what it refused is garbage collected', { timeout: 60_000 }, async () => {
    // Little space for young objects, so they are collected often.
    const options = ['--min-semi-space-size=1', '--max-semi-space-size=1', '--semi-space-growth-factor=1'];
    const main = 'test/conformance/rules/refused-responses-main.ts';
    await using calling = spawnCommand({ command: [process.execPath, ...options, main, engine] });
    expect(await calling.ended, calling.stderr()).toEqual({ code: 0, signal: null });
  });
});

function itFollows(engine: EngineName, rules: readonly ClientRule[]): void {
  for (const tested of rules) {
    const { rule, kind, sends, grpcJs } = tested;
    const exception = engine === 'grpc-js' ? grpcJs : undefined;
    const title = exception === undefined ? rule : `${rule} (${exception.because})`;
    it.concurrent(title, async () => {
      await using server = await RuleServer.start(tested);
      const { outcome, messages = [], text } = exception ?? tested;
      const got = await get(engine, server.address, kind);
      expect(got).toMatchObject({ outcome, messages, ...(text !== undefined && { text }) });
      if (sends !== undefined && exception === undefined) await server.sawSent(sends);
    });
  }
}
