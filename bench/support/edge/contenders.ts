import { fileURLToPath } from 'node:url';
import { GetUserRequest } from '#gen/user/v1/user.ts';
import { contractDescriptors } from '../../../mesh/contract/declared-services.ts';
import { envoy, startEnvoyWith } from '../../../mesh/testing/servers/envoy.ts';
import { freePort } from '../../../mesh/testing/servers/free-port.ts';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';
import { transcoderConfig } from '../../../scripts/edge/envoy/transcoder-config.ts';
import type { Contender } from '../engines/contest.ts';
import { openLoop } from '../engines/open-loop.ts';
import { h2load } from '../h2load.ts';
import { listenerOf } from '../listener-of.ts';
import { cpuSecondsOf, type LoadedServer, pin, serverCore, startServer } from '../server.ts';
import { userOf } from '../user-of.ts';
import { importUsers } from '../users.ts';
import { openHttpLoop } from './open-loop.ts';

/** A way to get a user. All of its processes are on the first core. */
export interface UserContender extends Contender {
  /** Gets it at random times, `perSecond` on average, and returns the time of each answer since it was due, in milliseconds. */
  latenciesMs(perSecond: number, seconds: number): Promise<number[]>;
}

export const edge = 'ordermesh';
export const fastify = 'Fastify, by hand';
export const transcoder = 'Envoy';
export const connect = 'Connect';
export const grpc = 'gRPC';

const users = 1_000;
const user = userOf(users / 2);
const userPath = `/api/users/${user.id}`;
const getUserPath = '/user.v1.UserService/GetUser';
const connections = 64;

/**
 * Starts a mesh with users for each contender and checks that each answers. Envoy is missing if it is not installed. The stack
 * stops them.
 */
export async function startContenders(stack: AsyncDisposableStack): Promise<readonly UserContender[]> {
  const mesh = await startEdge(stack);
  const port = await freePort();
  const environment = { BENCH_HTTP_PORT: String(port) };
  const byHand = await startUsers(stack, { main: 'bench/peers/fastify-rest.ts', environment });
  const behind = await startUsers(stack, { args: ['user'] });
  const contenders = [
    await getting(edge, mesh.httpAddress ?? '', mesh.cpuSeconds),
    await getting(fastify, `127.0.0.1:${port}`, byHand.cpuSeconds),
    ...(envoy.version === undefined ? [] : [await startTranscoder(stack, behind)]),
  ];
  return [...contenders, connecting(mesh), calling(behind)];
}

/** Starts a process of the user service and the edge, with users. The stack stops it. */
function startEdge(stack: AsyncDisposableStack): Promise<LoadedServer> {
  return startUsers(stack, { args: ['user', 'edge'], environment: { HTTP_LISTEN: '127.0.0.1:0' } });
}

async function startUsers(
  stack: AsyncDisposableStack,
  options: { readonly main?: string; readonly args?: readonly string[]; readonly environment?: Record<string, string> },
): Promise<LoadedServer> {
  const folder = stack.use(await tempFolder());
  const server = stack.use(await startServer({ dataDir: folder.path, ...options }));
  await importUsers(server, users);
  return server;
}

async function startTranscoder(stack: AsyncDisposableStack, behind: LoadedServer): Promise<UserContender> {
  const address = `127.0.0.1:${await freePort()}`;
  const descriptors = fileURLToPath(contractDescriptors);
  const services = ['user.v1.UserService'];
  const config = transcoderConfig({ address, target: behind.address, descriptors, services });
  stack.use(await startEnvoyWith(config, address));
  const pid = listenerOf(address);
  pin(pid, serverCore);
  return await getting(transcoder, address, () => behind.cpuSeconds() + cpuSecondsOf(pid));
}

async function getting(name: string, address: string, cpuSeconds: () => number): Promise<UserContender> {
  // A server that answers something else must not be measured.
  const answer = (await (await fetch(`http://${address}${userPath}`)).json()) as { readonly email?: string };
  if (answer.email !== user.email) throw new Error(`${name} answered ${JSON.stringify(answer)}`);
  const load = { address, path: userPath, connections, concurrentCalls: 1 };
  return {
    name,
    cpuSeconds,
    work: (calls) => h2load({ ...load, calls }),
    latenciesMs: (perSecond, seconds) => openHttpLoop({ address, path: userPath, perSecond, seconds }),
  };
}

/** The same call by Connect with JSON, to the process with the edge. */
function connecting({ httpAddress: address = '', cpuSeconds }: LoadedServer): UserContender {
  const json = JSON.stringify({ id: user.id });
  const load = { address, path: getUserPath, json, connections, concurrentCalls: 1 };
  return {
    name: connect,
    cpuSeconds,
    work: (calls) => h2load({ ...load, calls }),
    latenciesMs: (perSecond, seconds) => openHttpLoop({ address, path: getUserPath, json, perSecond, seconds }),
  };
}

/** The same call by gRPC, as many at a time. */
function calling({ address, cpuSeconds }: LoadedServer): UserContender {
  const request = GetUserRequest.encode({ id: user.id }).finish();
  const load = { address, path: getUserPath, request, connections: 4, concurrentCalls: 16 };
  return {
    name: grpc,
    cpuSeconds,
    work: (calls) => h2load({ ...load, calls }),
    latenciesMs: (perSecond, seconds) => openLoop({ address, path: getUserPath, request, perSecond, seconds }),
  };
}
