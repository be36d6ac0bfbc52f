import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { HealthCheckResponse_ServingStatus, HealthDefinition } from '../../../gen/ts/grpc/health/v1/health.ts';
import { grpcurl } from '../../../mesh/testing/servers/go-tools.ts';
import { describeWithServer } from '../../../mesh/testing/servers/servers.ts';
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
    const descriptors = await readFile(new URL('../../../gen/descriptors.binpb', import.meta.url));
    addReflection(server, { services: ['grpc.health.v1.Health'], descriptors });
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
    ]);
    expect(await run(address, 'describe', 'user.v1.User')).toContain('message User');
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
