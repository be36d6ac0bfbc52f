import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';
import { type LoadedServer, startServer } from '../server.ts';
import { importUsers } from '../users.ts';
import { askedUser, users } from './asked-user.ts';
import { hasGrpcGo } from './grpc-go.ts';

/** A server that takes part, with every user in memory unless its name says otherwise. */
export interface Peer {
  readonly name: string;
  readonly server: LoadedServer;
}

export const native = 'ordermesh native';
export const mesh = 'ordermesh native, whole chain and SQLite';
export const grpcGo = 'grpc-go';
export const fastify = 'Fastify, JSON on HTTP/1.1';
export const http2 = 'node:http2, by hand';
export const grpcJs = 'grpc-js';
export const niceGrpc = 'nice-grpc';
export const connectNode = 'connect-node';

/** Who streams from memory: the mesh reads a database, and the others have no streams here. */
export const streaming: readonly string[] = [native, grpcGo, grpcJs, niceGrpc, connectNode];

const usersOfMesh = 1_000;

const mains = {
  [native]: 'native-users.ts',
  [grpcGo]: 'grpc-go-users.ts',
  [fastify]: 'fastify-users.ts',
  [http2]: 'http2-users.ts',
  [grpcJs]: 'grpc-js-users.ts',
  [niceGrpc]: 'nice-grpc-users.ts',
  [connectNode]: 'connect-users.ts',
};

/** Starts all there are, and looks whether each answers; by name. They end with the stack. */
export async function startPeers(stack: AsyncDisposableStack): Promise<ReadonlyMap<string, Peer>> {
  const peers: Peer[] = [{ name: mesh, server: await startMesh(stack) }];
  for (const [name, main] of Object.entries(mains)) {
    if (name === grpcGo && !hasGrpcGo()) continue;
    peers.push({ name, server: stack.use(await startUsers(main, users)) });
  }
  for (const peer of peers) await expectAnswer(peer);
  return new Map(peers.map((peer) => [peer.name, peer]));
}

/** Starts one of the servers in `bench/peers`. */
export function startUsers(main: string, count: number): Promise<LoadedServer> {
  return startServer({ dataDir: '', main: `bench/peers/${main}`, environment: { BENCH_USERS: String(count) } });
}

async function startMesh(stack: AsyncDisposableStack): Promise<LoadedServer> {
  const { path } = stack.use(await tempFolder());
  const server = stack.use(await startServer({ dataDir: path, environment: { GRPC_ENGINE: 'native' } }));
  await importUsers(server, usersOfMesh);
  return server;
}

/** A server that answers with something else would be measured all the same. */
async function expectAnswer({ name, server }: Peer): Promise<void> {
  const { email } = await (name === fastify ? getJson(server) : server.client(UserServiceContract).getUser(askedUser));
  if (email !== askedUser.email) throw new Error(`${name} answered with ${email} instead of ${askedUser.email}`);
}

async function getJson({ address }: LoadedServer): Promise<{ email?: string }> {
  return (await (await fetch(`http://${address}${jsonPath}`)).json()) as { email?: string };
}

/** Where Fastify has the user that is asked for. */
export const jsonPath = `/users/${askedUser.id}`;
