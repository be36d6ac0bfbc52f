import { type CallContext, createServer, type Server, ServerError, type ServerMiddlewareCall } from 'nice-grpc';
import { MeshError, statusDetailsKey } from '#mesh';
import { encodeStatusDetails } from '../../../mesh/errors/status-details.ts';

/** A server of a participant that breaks one rule. */
export interface PlantedServer extends AsyncDisposable {
  readonly address: string;
  /** Does to its callers and its data what a kill and a start do. */
  restart(): Promise<void>;
}

/** Serves what `add` adds, with errors as any gRPC library sends them. */
export async function startPlanted(add: (server: Server) => void, restart: () => void): Promise<PlantedServer> {
  const create = () => {
    const created = createServer().use(sendDetails);
    add(created);
    return created;
  };
  let server = create();
  const address = `127.0.0.1:${await server.listen('127.0.0.1:0')}`;
  return {
    address,
    async restart() {
      server.forceShutdown();
      restart();
      server = create();
      await server.listen(address);
    },
    [Symbol.asyncDispose]: async () => server.forceShutdown(),
  };
}

async function* sendDetails<Request, Response>(call: ServerMiddlewareCall<Request, Response>, context: CallContext) {
  try {
    return yield* call.next(call.request, context);
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    context.trailer.set(statusDetailsKey, encodeStatusDetails(error.code, error.message, error));
    throw new ServerError(error.code, error.message);
  }
}
