import { Metadata, Server, ServerCredentials, type ServiceError, type status } from '@grpc/grpc-js';
import { type UserServiceServer, UserServiceService } from '../../../gen/grpc-js/user/v1/user.ts';
import { UserServiceContract } from '../../../gen/ts/user/v1/user.contract.ts';
import { User, type UserServiceDefinition } from '../../../gen/ts/user/v1/user.ts';
import type { ServiceContract } from '../../contract/contract.ts';
import { connectGrpcJs } from '../../engines/grpc-js/transport.ts';
import { encodeStatusDetails, type StatusDetails, statusDetailsKey } from '../../errors/status-details.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { systemClock } from '../../time/clock.ts';
import { type ClientFactory, createClientFactory } from '../client-factory.ts';
import type { MeshClient } from '../create-client.ts';

/** Handlers of plain grpc-js; a method that is not there is UNIMPLEMENTED. */
export type PeerHandlers = Partial<UserServiceServer>;

/** A running server on plain grpc-js. */
export interface PeerServer {
  readonly port: number;
  /** Ends it at once, connections included. */
  stop(): void;
}

/** Starts a user service on 127.0.0.1. */
export async function startPeerServer(handlers: PeerHandlers, port = 0): Promise<PeerServer> {
  const server = new Server();
  server.addService(UserServiceService, handlers as UserServiceServer);
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, used) =>
      error ? reject(error) : resolve(used),
    );
  });
  return { port: bound, stop: () => server.forceShutdown() };
}

/** A client of the user service, and the server that it calls. */
export interface Peer extends AsyncDisposable {
  readonly client: MeshClient<UserServiceDefinition>;
  readonly server: PeerServer;
}

/** Starts a server with `handlers` and makes a client of it, for one test: `await using peer = await startPeer(...)`. */
export async function startPeer(
  handlers: PeerHandlers,
  contract: ServiceContract<UserServiceDefinition> = UserServiceContract,
): Promise<Peer> {
  const server = await startPeerServer(handlers);
  const factory = clientFactory(`127.0.0.1:${server.port}`);
  return {
    client: factory.client(contract),
    server,
    async [Symbol.asyncDispose]() {
      factory.close();
      server.stop();
    },
  };
}

/** Makes clients that find everything at one address. */
export function clientFactory(address: string): ClientFactory {
  const logger = createLogger('silent');
  return createClientFactory({
    engine: { connect: connectGrpcJs },
    resolve: () => address,
    clock: systemClock,
    logger,
  });
}

/** A user of which only the id matters. */
export function user(id: string): User {
  return User.fromPartial({ id });
}

/** A failure as a handler of grpc-js gives it, with rich details and more trailers if asked for. */
export function failure(
  code: status,
  details: Partial<StatusDetails> = {},
  trailers: Readonly<Record<string, string>> = {},
): Partial<ServiceError> {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(trailers)) metadata.set(key, value);
  const full = { reason: '', metadata: {}, violations: [], retryAfterMs: undefined, ...details };
  metadata.set(statusDetailsKey, Buffer.from(encodeStatusDetails(code, 'refused', full)));
  return { code, details: 'refused', metadata };
}
