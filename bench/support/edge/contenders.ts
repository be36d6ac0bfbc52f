import { fileURLToPath } from 'node:url';
import { GetUserRequest } from '#gen/user/v1/user.ts';
import { contractDescriptors } from '../../../mesh/contract/declared-services.ts';
import { envoy, startEnvoyWith } from '../../../mesh/testing/servers/envoy.ts';
import { freePort } from '../../../mesh/testing/servers/free-port.ts';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';
import { transcoderConfig } from '../../../scripts/edge/envoy/transcoder-config.ts';
import type { Contender } from '../engines/contest.ts';
import { h2load } from '../h2load.ts';
import { listenerOf } from '../listener-of.ts';
import { cpuSecondsOf, type LoadedServer, pin, serverCore, startServer } from '../server.ts';
import { userOf } from '../user-of.ts';
import { importUsers } from '../users.ts';

/** A way to get a user over HTTP. All of its processes are on the first core. */
export interface HttpContender extends Contender {
  /** `host:port`. */
  readonly address: string;
}

export const edge = 'ordermesh';
export const fastify = 'Fastify, by hand';
export const transcoder = 'Envoy';
export const grpc = 'gRPC';

const users = 1_000;
const user = userOf(users / 2);
/** The path of the user that all ask for. */
export const userPath = `/api/users/${user.id}`;
const connections = 64;

/**
 * Starts a mesh with users for each contender and checks that each answers. Envoy is missing if it is not installed. The stack
 * stops them.
 */
export async function startContenders(stack: AsyncDisposableStack): Promise<readonly (HttpContender | Contender)[]> {
  const mesh = await startEdge(stack, users);
  const port = await freePort();
  const environment = { BENCH_HTTP_PORT: String(port) };
  const byHand = await startUsers(stack, { main: 'bench/peers/fastify-rest.ts', environment });
  const behind = await startUsers(stack, { args: ['user'] });
  const contenders = [
    getting(edge, mesh.httpAddress ?? '', mesh.cpuSeconds),
    getting(fastify, `127.0.0.1:${port}`, byHand.cpuSeconds),
    ...(envoy.version === undefined ? [] : [await startTranscoder(stack, behind)]),
  ];
  for (const contender of contenders) await checkAnswer(contender);
  return [...contenders, calling(behind)];
}

/** Starts a process of the user service and the edge, with as many users. The stack stops it. */
export function startEdge(stack: AsyncDisposableStack, count: number): Promise<LoadedServer> {
  return startUsers(stack, { args: ['user', 'edge'], environment: { HTTP_LISTEN: '127.0.0.1:0' } }, count);
}

async function startUsers(
  stack: AsyncDisposableStack,
  options: { readonly main?: string; readonly args?: readonly string[]; readonly environment?: Record<string, string> },
  count = users,
): Promise<LoadedServer> {
  const folder = stack.use(await tempFolder());
  const server = stack.use(await startServer({ dataDir: folder.path, ...options }));
  await importUsers(server, count);
  return server;
}

async function startTranscoder(stack: AsyncDisposableStack, behind: LoadedServer): Promise<HttpContender> {
  const address = `127.0.0.1:${await freePort()}`;
  const descriptors = fileURLToPath(contractDescriptors);
  const services = ['user.v1.UserService'];
  const config = transcoderConfig({ address, target: behind.address, descriptors, services });
  stack.use(await startEnvoyWith(config, address));
  const pid = listenerOf(address);
  pin(pid, serverCore);
  return getting(transcoder, address, () => behind.cpuSeconds() + cpuSecondsOf(pid));
}

function getting(name: string, address: string, cpuSeconds: () => number): HttpContender {
  const load = { address, path: userPath, connections, concurrentCalls: 1 };
  return { name, address, cpuSeconds, work: (calls) => h2load({ ...load, calls }) };
}

/** The same call by gRPC, as many at a time. */
function calling({ address, cpuSeconds }: LoadedServer): Contender {
  const request = GetUserRequest.encode({ id: user.id }).finish();
  const load = { address, path: '/user.v1.UserService/GetUser', request, connections: 4, concurrentCalls: 16 };
  return { name: grpc, cpuSeconds, work: (calls) => h2load({ ...load, calls }) };
}

/** A server that answers something else must not be measured. */
async function checkAnswer({ name, address }: HttpContender): Promise<void> {
  const answer = (await (await fetch(`http://${address}${userPath}`)).json()) as { readonly email?: string };
  if (answer.email !== user.email) throw new Error(`${name} answered ${JSON.stringify(answer)}`);
}
