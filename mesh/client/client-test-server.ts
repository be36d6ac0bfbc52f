import { Server, ServerCredentials } from '@grpc/grpc-js';
import { type UserServiceServer, UserServiceService } from '../../gen/grpc-js/user/v1/user.ts';
import { UserServiceContract } from '../../gen/ts/user/v1/user.contract.ts';
import type { UserServiceDefinition } from '../../gen/ts/user/v1/user.ts';
import { connectGrpcJs } from '../engines/grpc-js/transport.ts';
import { systemClock } from '../telemetry/clock.ts';
import { createLogger } from '../telemetry/logger.ts';
import { type ClientFactory, createClientFactory } from './client-factory.ts';
import type { MeshClient } from './create-client.ts';

/** A user service on plain grpc-js, and a client of it. */
export interface TestPeer {
  readonly client: MeshClient<UserServiceDefinition>;
  readonly port: number;
  readonly factory: ClientFactory;
  /** Ends the server at once, connections included. */
  stopServer(): void;
  stop(): void;
}

/** Handlers of a test; a method that it does not have is UNIMPLEMENTED. */
export type TestHandlers = Partial<UserServiceServer>;

/** Starts a server with `handlers` on any port. */
export async function startServer(handlers: TestHandlers, port = 0): Promise<{ port: number; stop(): void }> {
  const server = new Server();
  server.addService(UserServiceService, handlers as UserServiceServer);
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, used) =>
      error ? reject(error) : resolve(used),
    );
  });
  return { port: bound, stop: () => server.forceShutdown() };
}

/** Starts a server and makes a client of it. */
export async function startPeer(handlers: TestHandlers): Promise<TestPeer> {
  const server = await startServer(handlers);
  const factory = createClientFactory({
    engine: { connect: connectGrpcJs },
    resolve: () => `127.0.0.1:${server.port}`,
    clock: systemClock,
    logger: createLogger('silent'),
  });
  return {
    client: factory.client(UserServiceContract),
    port: server.port,
    factory,
    stopServer: server.stop,
    stop() {
      factory.close();
      server.stop();
    },
  };
}
