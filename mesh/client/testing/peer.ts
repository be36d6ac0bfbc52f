import { Metadata, Server, ServerCredentials, type ServiceError, type status } from '@grpc/grpc-js';
import { type UserServiceServer, UserServiceService } from '../../../gen/grpc-js/user/v1/user.ts';
import { UserServiceContract } from '../../../gen/ts/user/v1/user.contract.ts';
import { User, type UserServiceDefinition } from '../../../gen/ts/user/v1/user.ts';
import { endpointsByAddress } from '../../balancing/endpoint-source.ts';
import type { ServiceContract } from '../../contract/contract.ts';
import { connectGrpcJs } from '../../engines/grpc-js/client/transport.ts';
import { encodeStatusDetails, type StatusDetails, statusDetailsKey } from '../../errors/status-details.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { systemClock } from '../../time/clock.ts';
import { type ClientFactory, type ClientOptions, createClientFactory, type MeshClient } from '../client-factory.ts';

/** Handlers of plain grpc-js; a missing one makes its method UNIMPLEMENTED. */
export type PeerHandlers = Partial<UserServiceServer>;

/** A running server on plain grpc-js. */
export interface PeerServer {
  readonly port: number;
  /** Ends it immediately, with its connections. */
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
  /** Returns another client of the same service. */
  anotherClient(options?: ClientOptions<UserServiceDefinition>): MeshClient<UserServiceDefinition>;
  readonly server: PeerServer;
}

/** Starts a server with `handlers` and creates a client of it, for one test: `await using peer = await startPeer(...)`. */
export async function startPeer(
  handlers: PeerHandlers,
  contract: ServiceContract<UserServiceDefinition> = UserServiceContract,
  options: ClientOptions<UserServiceDefinition> = {},
): Promise<Peer> {
  const server = await startPeerServer(handlers);
  const factory = clientFactory(`127.0.0.1:${server.port}`);
  return {
    client: factory.client(contract, options),
    anotherClient: (others) => factory.client(contract, others),
    server,
    async [Symbol.asyncDispose]() {
      factory.close();
      server.stop();
    },
  };
}

/** Creates clients that find every service at one address. */
export function clientFactory(address: string): ClientFactory {
  const logger = createLogger('silent');
  return createClientFactory({
    endpoints: endpointsByAddress({ connect: connectGrpcJs }, () => address),
    clock: systemClock,
    logger,
  });
}

/** A user with an id and nothing else. */
export function user(id: string): User {
  return User.fromPartial({ id });
}

/** A failure of a grpc-js handler, with error details and more trailers if given. */
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
