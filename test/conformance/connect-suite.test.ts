import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { type EngineName, engineNames } from '../../mesh/engines/engines.ts';
import { connectConformance, connectProtoFolder } from '../../mesh/testing/servers/go-tools.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { mustRun } from './support/run-tool.ts';

type Role = 'server' | 'client';

const program = (name: string) => fileURLToPath(new URL(`connect/${name}.ts`, import.meta.url));
const features = (name: string) => fileURLToPath(new URL(`connect/${name}.yaml`, import.meta.url));

const timeoutMs = 120_000;

/** The number of cases in the installed version, by the pattern of their names. */
const caseCounts = [
  { connection: 'a plain connection', pattern: '**/TLS:false/**', server: 374, client: 409 },
  { connection: 'TLS', pattern: '**/TLS:true/**', server: 194, client: 235 },
  { connection: 'TLS with client certificates', pattern: 'TLS Client Certs/**', server: 2, client: 2 },
] as const;

for (const engine of engineNames) {
  describeWithServer(connectConformance, `the conformance suite of Connect on ${engine}`, () => {
    it.each(caseCounts)(
      'passes all $server cases as a server over $connection',
      { timeout: timeoutMs },
      async ({ pattern, server }) => {
        expect(await runSuite('server', engine, pattern)).toEqual({ passed: server, failed: 0 });
      },
    );

    it.each(caseCounts)(
      'passes all $client cases as a client over $connection',
      { timeout: timeoutMs },
      async ({ pattern, client }) => {
        expect(await runSuite('client', engine, pattern)).toEqual({ passed: client, failed: 0 });
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
    expect(await runSuite('server', 'native', pattern, 'behind-gateway')).toEqual({ passed: count, failed: 0 });
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
    const edge = [program('edge-server'), descriptors];
    expect(await run('server', features('edge-features'), pattern, edge)).toEqual({ passed: count, failed: 0 });
  });
});

/** Runs the cases of gRPC against an engine. */
async function runSuite(role: Role, engine: EngineName, pattern: string, ...more: readonly string[]) {
  return await run(role, features('features'), pattern, [program(role), engine, ...more]);
}

/** Runs the cases that match a pattern against a program. Throws with the failures if there are any. */
async function run(mode: Role, conf: string, pattern: string, tested: readonly string[]) {
  // Its limits of time for servers do not depend on the machine: 10 s for a start, and 0.5 s for a call to reach its handler.
  const load = mode === 'server' ? ['--max-servers=1', '--parallel=4'] : [];
  const command = [connectConformance.path, `--mode=${mode}`, `--conf=${conf}`, `--run=${pattern}`, ...load];
  const output = await mustRun([...command, '--', process.execPath, ...tested], timeoutMs);
  const [, passed, failed] = /(\d+) passed, (\d+) failed/.exec(output) ?? [];
  return { passed: Number(passed), failed: Number(failed) };
}
