import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';
import { type LoadedServer, startServer } from '../server.ts';
import { importUsers } from '../users.ts';
import { type BuiltProgram, builtPeers, isBuilt } from './built-peers.ts';
import { requestedUser, users } from './requested-user.ts';

/** A server in the comparison. All users are in memory unless its name says otherwise. */
export interface Peer {
  readonly name: string;
  readonly server: LoadedServer;
}

export const native = 'ordermesh native';
export const mesh = 'ordermesh native, whole chain and SQLite';
export const grpcGo = builtPeers['grpc-go-users'].name;
export const tonic = builtPeers['tonic-users'].name;
export const pajamax = builtPeers['pajamax-users'].name;
export const fastify = 'Fastify, JSON on HTTP/1.1';
export const http2 = 'node:http2, by hand';
export const grpcJs = 'grpc-js';
export const niceGrpc = 'nice-grpc';
export const connectNode = 'connect-node';
export const grpcPackage = '@ordermesh/grpc';

/** Peers that stream from memory. The mesh reads a database, and the others do not implement ListUsers. */
export const streaming: readonly string[] = [native, grpcPackage, grpcGo, tonic, grpcJs, niceGrpc, connectNode];

const usersOfMesh = 1_000;

const mains = {
  [native]: 'native-users.ts',
  [grpcPackage]: 'package-users.ts',
  [fastify]: 'fastify-users.ts',
  [http2]: 'http2-users.ts',
  [grpcJs]: 'grpc-js-users.ts',
  [niceGrpc]: 'nice-grpc-users.ts',
  [connectNode]: 'connect-users.ts',
};

/** Starts all peers and checks that each responds correctly. The stack stops them. */
export async function startPeers(stack: AsyncDisposableStack): Promise<ReadonlyMap<string, Peer>> {
  const peers: Peer[] = [{ name: mesh, server: await startMesh(stack) }];
  const built = Object.entries(builtPeers).filter(([program]) => isBuilt(program as BuiltProgram));
  const programs = built.map(([program, { name }]) => [name, `${program}.ts`] as const);
  for (const [name, main] of [...Object.entries(mains), ...programs]) {
    peers.push({ name, server: stack.use(await startUsers(main, users)) });
  }
  for (const peer of peers) await checkResponse(peer);
  return new Map(peers.map((peer) => [peer.name, peer]));
}

/** Starts a server from `bench/peers`. */
export function startUsers(main: string, count: number): Promise<LoadedServer> {
  return startServer({ dataDir: '', main: `bench/peers/${main}`, environment: { BENCH_USERS: String(count) } });
}

async function startMesh(stack: AsyncDisposableStack): Promise<LoadedServer> {
  const { path } = stack.use(await tempFolder());
  const server = stack.use(await startServer({ dataDir: path, environment: { GRPC_ENGINE: 'native' } }));
  await importUsers(server, usersOfMesh);
  return server;
}

/** A server that returns something else must not be measured. */
async function checkResponse({ name, server }: Peer): Promise<void> {
  const { email } = await (name === fastify
    ? getJson(server)
    : server.client(UserServiceContract).getUser(requestedUser));
  if (email !== requestedUser.email) throw new Error(`${name} returned ${email} instead of ${requestedUser.email}`);
}

async function getJson({ address }: LoadedServer): Promise<{ email?: string }> {
  return (await (await fetch(`http://${address}${jsonPath}`)).json()) as { email?: string };
}

/** The path of the requested user on Fastify. */
export const jsonPath = `/users/${requestedUser.id}`;
