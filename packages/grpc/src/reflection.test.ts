import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { HealthCheckResponse_ServingStatus, HealthDefinition } from '../../../gen/ts/grpc/health/v1/health.ts';
import { grpcurl } from '../../../mesh/testing/servers/go-tools.ts';
import { describeWithServer } from '../../../mesh/testing/servers/servers.ts';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';
import { shownFile } from '../../../scripts/packages/shown-file.ts';
import { addHealth, type Health } from './health.ts';
import { createChannel, createClient, createServer, type Server } from './index.ts';
import { addReflection } from './reflection.ts';

const { NOT_SERVING, SERVING } = HealthCheckResponse_ServingStatus;

describeWithServer(grpcurl, 'health and reflection', () => {
  let server: Server;
  let health: Health;
  let address: string;

  beforeEach(async () => {
    server = createServer();
    health = addHealth(server);
    const descriptors = await descriptorsOfReadme();
    addReflection(server, { services: ['hello.v1.Greeter', 'grpc.health.v1.Health'], descriptors });
    address = `127.0.0.1:${await server.listen('127.0.0.1:0')}`;
    onTestFinished(() => server.forceShutdown());
  });

  const run = async (...args: string[]) => (await promisify(execFile)(grpcurl.path, ['-plaintext', ...args])).stdout;

  it('let grpcurl list the services, describe them and call them', async () => {
    const listed = await run(address, 'list');
    expect(listed.trim().split('\n')).toEqual([
      'grpc.health.v1.Health',
      'grpc.reflection.v1.ServerReflection',
      'grpc.reflection.v1alpha.ServerReflection',
      'hello.v1.Greeter',
    ]);
    // Of all services.
    expect(await run(address, 'describe')).toContain('rpc ServerReflectionInfo');
    expect(await run(address, 'describe', 'hello.v1.GreetRequest')).toContain('message GreetRequest');
    expect(await run(address, 'grpc.health.v1.Health/Check')).toContain('SERVING');
  });

  it('show what the server sets, and end watches at a shutdown', async () => {
    const channel = createChannel(address);
    onTestFinished(() => channel.close());
    const client = createClient(HealthDefinition, channel);
    await expect(client.check({ service: 'user.v1.UserService' })).rejects.toThrow('NOT_FOUND');
    health.set('user.v1.UserService', 'SERVING');
    expect(await client.check({ service: 'user.v1.UserService' })).toMatchObject({ status: SERVING });
    const seen: number[] = [];
    for await (const { status } of client.watch({ service: 'user.v1.UserService' })) {
      seen.push(status);
      if (status === SERVING) health.shutdown();
    }
    expect(seen).toEqual([SERVING, NOT_SERVING]);
    await server.shutdown();
  });
});

describe('reflection', () => {
  it('refuses services that the descriptors do not have', async () => {
    const descriptors = await descriptorsOfReadme();
    const services = ['hello.v1.Greter', 'hello.v1.Greeter', 'Health', 'hello.v1.GreetRequest'];
    expect(() => addReflection(createServer(), { services, descriptors })).toThrow(
      /^the descriptors do not have hello.v1.Greter, Health, hello.v1.GreetRequest: pass full names/,
    );
  });

  it('refuses descriptors that are not valid', () => {
    const descriptors = Buffer.from('syntax = "proto3";');
    expect(() => addReflection(createServer(), { services: [], descriptors })).toThrow('"buf build -o"');
  });
});

/** What `buf build` makes of the contract in the README, which does not import health. */
async function descriptorsOfReadme(): Promise<Buffer> {
  await using folder = await tempFolder();
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  await writeFile(join(folder.path, 'hello.proto'), shownFile(readme, 'hello.proto'));
  const buf = fileURLToPath(new URL('../../../node_modules/.bin/buf', import.meta.url));
  await promisify(execFile)(buf, ['build', '-o', 'descriptors.binpb'], { cwd: folder.path });
  return await readFile(join(folder.path, 'descriptors.binpb'));
}
