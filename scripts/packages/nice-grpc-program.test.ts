import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestCa } from '../../mesh/testing/certificates.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { spawnCommand } from '../../mesh/testing/servers/spawn-command.ts';
import { createProject, type OutsideProject, strictConfig } from './outside-project.ts';
import { packPackages } from './packed.ts';

const program = fileURLToPath(new URL('nice-grpc-program', import.meta.url));

/** Packages of nice-grpc that the program uses. Nothing else here depends on them. */
const ofNiceGrpc = {
  'nice-grpc-client-middleware-deadline': '2.0.20',
  'nice-grpc-client-middleware-retry': '3.1.16',
  'nice-grpc-server-health': '2.0.20',
  'nice-grpc-server-reflection': '3.0.3',
};

/** By `make verify-packages`. */
describe.skipIf(!process.env.VERIFY_PACKAGES)('a program for nice-grpc, outside of the repository', () => {
  let project: OutsideProject;
  /** What the program prints on nice-grpc alone. */
  let expected: Printed;

  beforeAll(async () => {
    await using packages = await packPackages();
    const tools = ['@bufbuild/buf', '@bufbuild/protobuf', '@types/node', 'ts-proto', 'typescript'];
    project = await createProject({
      dependencies: {
        ...packages.tarball('grpc'),
        ...packages.versions('nice-grpc', '@grpc/grpc-js', ...tools),
        ...ofNiceGrpc,
      },
    });
    for (const file of ['chat.proto', 'buf.gen.yaml'])
      await project.write(file, await readFile(join(program, file), 'utf8'));
    await project.run('buf', 'generate', 'chat.proto');
    await project.run('buf', 'build', 'chat.proto', '--as-file-descriptor-set', '--output=descriptors.binpb');
    await project.write('tsconfig.json', await strictConfig());
    await writeCertificates(project);
    for (const side of ['server', 'client']) {
      const text = await readFile(join(program, `${side}.ts`), 'utf8');
      await project.write(`nice-grpc/${side}.ts`, text);
      await project.write(
        `ordermesh/${side}.ts`,
        text.replaceAll(/'(?:nice-grpc|@grpc\/grpc-js)'/g, "'@ordermesh/grpc'"),
      );
    }
    expected = await runProgram(project, 'nice-grpc', 'nice-grpc');
  }, 600_000);
  afterAll(() => project?.[Symbol.asyncDispose]());

  it('compiles with the import of either', { timeout: 120_000 }, async () => {
    await project.run('tsc', '--noEmit');
  });

  it('prints something for all that it does', () => {
    expect(expected.client).toContain('Hello, flaky! (from ada)');
    expect(expected.client).not.toContain('does not fail');
    expect(expected.client).toContain('services { serviceList: [ { name:');
    expect(expected.server).toContain('a count without an end ended: aborted');
    expect(expected.server).toContain('stopped');
  });

  it.each([
    ['on this package', 'ordermesh', 'ordermesh'],
    ['as a server of it, called through nice-grpc', 'ordermesh', 'nice-grpc'],
    ['as a client of it, calling a server on nice-grpc', 'nice-grpc', 'ordermesh'],
  ] as const)('prints the same %s', { timeout: 120_000 }, async (_, server, client) => {
    expect(await runProgram(project, server, client)).toEqual(expected);
  });
});

type Library = 'nice-grpc' | 'ordermesh';

/** What both sides of the program print. */
interface Printed {
  readonly client: string;
  /** Its lines without ports, sorted: when a server sees that a call was cancelled is not part of the interface. */
  readonly server: readonly string[];
}

async function runProgram(project: OutsideProject, server: Library, client: Library): Promise<Printed> {
  const cwd = project.path;
  await using served = spawnCommand({ command: [process.execPath, `${server}/server.ts`], cwd });
  const [line, port = '', securePort = ''] = await served.printed(/^listens on (\d+) and (\d+)\n/m);
  const printed = await project.run(process.execPath, `${client}/client.ts`, port, securePort);
  const ended = await served.end('SIGTERM');
  if (ended.code !== 0) throw new Error(`the server ended with ${JSON.stringify(ended)}:\n${served.stderr()}`);
  await eventually(() => expect(served.stdout()).toContain('stopped'));
  const lines = served.stdout().replace(line, '').trimEnd().split('\n');
  return { client: printed, server: lines.toSorted() };
}

async function writeCertificates(project: OutsideProject): Promise<void> {
  const ca = await createTestCa();
  await project.write('ca.crt', ca.cert);
  for (const [side, name] of Object.entries({ server: '127.0.0.1', client: 'client' })) {
    const { key, cert } = await ca.sign(name);
    await project.write(`${side}.key`, key);
    await project.write(`${side}.crt`, cert);
  }
}
