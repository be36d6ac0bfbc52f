import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Server, ServerCredentials, type ServerUnaryCall } from '@grpc/grpc-js';
import { HealthImplementation, type ServingStatus } from 'grpc-health-check';
import { Status } from 'nice-grpc-common';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type UserServiceServer, UserServiceService } from '../../gen/grpc-js/user/v1/user.ts';
import { failure, type PeerServer, startPeerServer, user } from '../../mesh/client/testing/peer.ts';
import { grpcGoServiceConfig } from '../../mesh/testing/servers/go-tools.ts';
import { grpcJava, grpcJavaFolder } from '../../mesh/testing/servers/grpc-java.ts';
import { grpcPython, grpcPythonPath } from '../../mesh/testing/servers/grpc-python.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { runTool } from '../conformance/support/run-tool.ts';

const folder = fileURLToPath(new URL('../../gen/service-config/', import.meta.url));
const programs = fileURLToPath(new URL('./service-config/', import.meta.url));
const configs = (await readdir(folder)).map((name) => `${folder}${name}`);
const userConfig = `${folder}user.json`;

const quickJava = ['java', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', `${grpcJavaFolder}/libs/*`];
const python = [grpcPythonPath, `${programs}client.py`];
const clients = [
  { tool: { name: 'grpc-js', version: process.version }, command: [process.execPath, `${programs}client.ts`] },
  { tool: grpcPython, command: python },
  { tool: grpcGoServiceConfig, command: [grpcGoServiceConfig.path] },
  { tool: grpcJava, command: [...quickJava, `${programs}ServiceConfigClient.java`] },
];

/** Changes of the user service's config that every client refuses: what to replace with what. */
const faults = [
  ['a timeout without seconds', '"5s"', '"5000ms"'],
  ['a misspelled code', '"UNAVAILABLE"', '"UNAVAILBLE"'],
  ['a method that is named twice', '"GetUser"', '"CreateUser"'],
] as const;

const getUser = 'unary:/user.v1.UserService/GetUser';
const batchGetUsers = 'unary:/user.v1.UserService/BatchGetUsers';
const updateUser = 'unary:/user.v1.UserService/UpdateUser';
const deleteUser = 'unary:/user.v1.UserService/DeleteUser';
const importUsers = 'upload:/user.v1.UserService/ImportUsers';

/** Attempts that arrived at the server, by path, each with the time that was left for it. */
type Attempts = { readonly path: string; readonly timeLeftMs: number }[];

describe.each(clients)('$tool.name with a service config', ({ tool, command }) => {
  describeWithServer(tool, 'calling a server that fails', () => {
    const attempts: Attempts = [];
    let server: PeerServer;
    let temp: TempFolder;

    beforeAll(async () => {
      temp = await tempFolder();
      const arrived = (call: Pick<ServerUnaryCall<unknown, unknown>, 'getPath' | 'getDeadline'>) => {
        attempts.push({ path: call.getPath(), timeLeftMs: Number(call.getDeadline()) - Date.now() });
        return attempts.filter(({ path }) => path === call.getPath()).length;
      };
      server = await startPeerServer({
        getUser: (call, answer) => (arrived(call) < 3 ? answer(failure(Status.UNAVAILABLE)) : answer(null, user('1'))),
        batchGetUsers: (call, answer) => answer(failure(arrived(call) && Status.INTERNAL)),
        // Never answers.
        updateUser: arrived,
        deleteUser: (call, answer) => answer(failure(arrived(call) && Status.UNAVAILABLE)),
        importUsers: (call, answer) => answer(failure(arrived(call) && Status.UNAVAILABLE)),
      });
    });
    afterAll(async () => {
      server.stop();
      await temp[Symbol.asyncDispose]();
    });

    /** Makes calls on a new channel per config; returns their codes, the attempts that arrived and the whole output. */
    async function run(args: readonly string[]) {
      attempts.length = 0;
      const { output } = await runTool([...command, `127.0.0.1:${server.port}`, ...args]);
      const results = output.split('\n').filter((line) => line.startsWith('{'));
      return { results: results.map((line) => JSON.parse(line)), attempts: [...attempts], output };
    }

    async function changedConfig(from: string, to: string): Promise<string> {
      const path = join(temp.path, 'changed.json');
      await writeFile(path, (await readFile(userConfig, 'utf8')).replaceAll(from, to));
      return path;
    }

    it('retries UNAVAILABLE as often as the contract says', async () => {
      const { results, attempts } = await run([userConfig, getUser, deleteUser]);
      expect(results).toMatchObject([{ code: 'OK' }, { code: 'UNAVAILABLE' }]);
      expect(attempts.map(({ path }) => path.split('/')[2])).toEqual([
        ...Array(3).fill('GetUser'),
        ...Array(3).fill('DeleteUser'),
      ]);
    });

    it('ends a call at its deadline', async () => {
      // Long enough to connect.
      const { results, attempts } = await run([await changedConfig('"5s"', '"2.500000000s"'), updateUser]);
      expect(results).toMatchObject([{ code: 'DEADLINE_EXCEEDED' }]);
      expect(attempts.map(({ path }) => `unary:${path}`)).toEqual([updateUser]);
      const [timeLeftMs = 0] = attempts.map(({ timeLeftMs }) => timeLeftMs);
      // grpcio does not send the deadlines of a service config.
      if (tool === grpcPython) expect(timeLeftMs).toBe(Number.POSITIVE_INFINITY);
      else expect(timeLeftMs).toBeLessThanOrEqual(2500);
    });

    it('retries neither other codes nor uploads', async () => {
      const { results, attempts } = await run([userConfig, batchGetUsers, importUsers]);
      expect(results).toMatchObject([{ code: 'INTERNAL' }, { code: 'UNAVAILABLE' }]);
      expect(attempts.map(({ path }) => path.split('/')[2])).toEqual(['BatchGetUsers', 'ImportUsers']);
    });

    it('accepts the config of every service', async () => {
      const { results } = await run(configs.flatMap((config) => [config, batchGetUsers]));
      // The server's own answer: the call was made.
      expect(results).toEqual(configs.map(() => ({ code: 'INTERNAL', text: 'refused' })));
    });

    it.each(faults)('refuses a config with %s', async (_, from, to) => {
      const { attempts, output } = await run([await changedConfig(from, to), batchGetUsers]);
      expect(attempts).toEqual([]);
      expect(output).toMatch(/invalid|INVALID|Duplicate|can not find/i);
    });
  });
});

describeWithServer(grpcPython, 'grpcio with a service config and two addresses', () => {
  /** Makes 50 calls to two servers with these health statuses; returns which server each call reached. */
  async function callsReached(statuses: readonly ServingStatus[]): Promise<number[]> {
    const reached: number[] = [];
    const ports = await Promise.all(
      statuses.map(async (status, index) => {
        const server = new Server();
        const getUser: UserServiceServer['getUser'] = (_, answer) => {
          reached.push(index);
          answer(null, user('1'));
        };
        server.addService(UserServiceService, { getUser } as UserServiceServer);
        new HealthImplementation({ '': status }).addToServer(server);
        onTestFinished(() => server.forceShutdown());
        return await promisify(server.bindAsync.bind(server))('127.0.0.1:0', ServerCredentials.createInsecure());
      }),
    );
    const address = `ipv4:${ports.map((port) => `127.0.0.1:${port}`).join()}`;
    const { output } = await runTool([...python, address, userConfig, ...Array(50).fill(getUser)]);
    expect(output.match(/"OK"/g)).toHaveLength(50);
    return reached;
  }

  it('calls both', async () => {
    expect(new Set(await callsReached(['SERVING', 'SERVING']))).toEqual(new Set([0, 1]));
  });

  it('calls only the one that is serving', async () => {
    expect(await callsReached(['NOT_SERVING', 'SERVING'])).toEqual(Array(50).fill(1));
  });
});
