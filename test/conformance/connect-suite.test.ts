import { join } from 'node:path';
import { expect, it } from 'vitest';
import { engineNames } from '../../mesh/engines/engines.ts';
import { connectConformance, connectProtoFolder } from '../../mesh/testing/servers/go-tools.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { caseCounts, program, type Role, runSuite, timeoutMs } from './connect/run-suite.ts';
import { mustRun } from './support/run-tool.ts';

/** The result of a run in which this many cases passed, and all others did too. */
const allPassed = (passed: number) => ({ passed, failed: 0, knownFailed: 0 });

/** Runs the cases of gRPC against an engine. */
async function runEngine(mode: Role, pattern: string, engine: string, ...more: readonly string[]) {
  return await runSuite({ mode, features: 'features', pattern, tested: [program(mode), engine, ...more] });
}

for (const engine of engineNames) {
  describeWithServer(connectConformance, `the conformance suite of Connect on ${engine}`, () => {
    it.each(caseCounts)(
      'passes all $server cases as a server over $connection',
      { timeout: timeoutMs },
      async ({ pattern, server }) => {
        expect(await runEngine('server', pattern, engine)).toEqual(allPassed(server));
      },
    );

    it.each(caseCounts)(
      'passes all $client cases as a client over $connection',
      { timeout: timeoutMs },
      async ({ pattern, client }) => {
        expect(await runEngine('client', pattern, engine)).toEqual(allPassed(client));
      },
    );
  });
}

// The gateway forwards bytes, so `make test` runs only the cases with gzip, of which both sides have to know.
const throughGateway = process.env.WHOLE_SUITES
  ? { pattern: '**/TLS:false/**', count: 374 }
  : { pattern: '**/Compression:COMPRESSION_GZIP/TLS:false/**', count: 176 };

describeWithServer(connectConformance, 'the conformance suite of Connect', () => {
  const { pattern, count } = throughGateway;
  it(`passes ${count} cases against a server behind the gateway`, { timeout: timeoutMs }, async () => {
    expect(await runEngine('server', pattern, 'native', 'behind-gateway')).toEqual(allPassed(count));
  });
});

// Over HTTP the gateway and the whole mesh speak Connect and gRPC-Web. `make test` runs the cases with gzip, of both codecs.
const overHttp = process.env.WHOLE_SUITES
  ? { pattern: '**', count: 1_374 }
  : { pattern: '**/Compression:COMPRESSION_GZIP/**', count: 654 };

describeWithServer(connectConformance, 'the conformance suite of Connect', () => {
  const { pattern, count } = overHttp;
  it(`passes ${count} cases of Connect and gRPC-Web against the edge`, { timeout: timeoutMs }, async () => {
    await using folder = await tempFolder();
    const descriptors = join(folder.path, 'conformance.binpb');
    await mustRun(['buf', 'build', connectProtoFolder, '--as-file-descriptor-set', `--output=${descriptors}`]);
    const tested = [program('edge-server'), descriptors];
    const ran = await runSuite({ mode: 'server', features: 'edge-features', pattern, tested });
    expect(ran).toEqual(allPassed(count));
  });
});
