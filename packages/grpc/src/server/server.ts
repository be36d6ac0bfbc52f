import { composeServerMiddleware, type ServerMiddleware } from 'nice-grpc-common';
import { createServerHost, type NativeServerHost } from '../../../../mesh/engines/native/grpc/server/server-host.ts';
import { ServerCredentials } from '../channel/credentials.ts';
import { type ChannelOptions, checkOptions, maxTimerMs, messageOptions } from '../channel/options.ts';
import { engineMethodOf } from '../definitions/engine-method.ts';
import type { ServiceDefinition } from '../definitions/method-definition.ts';
import { type CompatServiceDefinition, normalizeServiceDefinition } from '../definitions/service-definition.ts';
import { checkHandlers } from './check-service.ts';
import { type AnyImplementation, handlerOf } from './handlers.ts';
import type { ServiceImplementation } from './service-implementation.ts';
import { toWireStatus } from './status.ts';

/** A gRPC server. `CallContextExt`: what its middleware adds to the context of calls. */
export type Server<CallContextExt = object> = ServerAddBuilder<CallContextExt> & {
  /**
   * Returns a new server with middleware for all services; the one that is attached first is invoked first. Only before `add`
   * and `listen`.
   */
  use<Ext>(middleware: ServerMiddleware<Ext, CallContextExt>): Server<CallContextExt & Ext>;
  /**
   * Listens on `host:port` (port 0: any free port) or `unix:/path`; resolves with the port. Default: without TLS. Rejects if
   * the address is in use or a certificate cannot be used.
   */
  listen(address: string, credentials?: ServerCredentials): Promise<number>;
  /** Accepts no new calls, and resolves when the open ones have ended: by themselves, or by `forceShutdown`. */
  shutdown(): Promise<void>;
  /** Ends all connections and cancels their calls. */
  forceShutdown(): void;
};

/** Adds services with the middleware of `with`. */
export type ServerAddBuilder<CallContextExt> = {
  /** Returns a builder whose `add` attaches middleware to that service only: `server.with(middleware).add(…)`. */
  with<Ext>(middleware: ServerMiddleware<Ext, CallContextExt>): ServerAddBuilder<CallContextExt & Ext>;
  /** Adds a service; only before `listen`. Throws if a method has no handler, or was added before. */
  add<Service extends CompatServiceDefinition>(
    definition: Service,
    implementation: ServiceImplementation<Service, CallContextExt>,
  ): void;
};

interface AddedService {
  readonly definition: ServiceDefinition;
  readonly middleware: ServerMiddleware | undefined;
  readonly implementation: object;
}

/** Creates a server. Throws a TypeError for an option of the wrong type. */
export function createServer(options: ChannelOptions = {}): Server {
  checkOptions(options);
  return serverWith(options, undefined);
}

function serverWith<CallContextExt>(
  options: ChannelOptions,
  middleware: ServerMiddleware<CallContextExt> | undefined,
): Server<CallContextExt> {
  const services: AddedService[] = [];
  let host: NativeServerHost | undefined;

  function addBuilder<Ext>(attached: ServerMiddleware<Ext> | undefined): ServerAddBuilder<Ext> {
    return {
      with: (added) => addBuilder(composed(attached, added)),
      add(definition, implementation) {
        if (host) throw new Error('server.add() must be used before listen()');
        const methods = normalizeServiceDefinition(definition);
        checkHandlers(methods, implementation);
        checkIsNew(methods, services);
        services.push({ definition: methods, middleware: attached, implementation } as AddedService);
      },
    };
  }

  return {
    ...addBuilder(middleware),
    use(added) {
      if (host) throw new Error('server.use() must be used before listen()');
      if (services.length > 0) throw new Error('server.use() must be used before adding any services');
      return serverWith(options, composed(middleware, added));
    },
    async listen(address, credentials = ServerCredentials.createInsecure()) {
      if (host) throw new Error('server.listen() has already been called');
      const opened = hostOf(services, options, credentials);
      host = opened;
      try {
        return await opened.listen(address);
      } catch (error) {
        host = undefined;
        throw error;
      }
    },
    async shutdown() {
      const closing = host;
      await closing?.drain(maxTimerMs);
      if (host === closing) host = undefined;
    },
    forceShutdown() {
      host?.cancel();
      host = undefined;
    },
  };
}

/** Throws an Error if one of the methods has been added before. */
function checkIsNew(methods: ServiceDefinition, added: readonly AddedService[]): void {
  const paths = new Set(added.flatMap(({ definition }) => Object.values(definition).map(({ path }) => path)));
  const again = Object.values(methods).find(({ path }) => paths.has(path));
  if (again === undefined) return;
  const [, service] = again.path.split('/');
  throw new Error(`service ${service} has been added before: add each service once`);
}

function composed<Ext, Attached>(
  attached: ServerMiddleware<Attached> | undefined,
  added: ServerMiddleware<Ext, Attached>,
): ServerMiddleware<Attached & Ext> {
  if (attached === undefined) return added as ServerMiddleware<Attached & Ext>;
  return composeServerMiddleware(attached, added);
}

function hostOf(
  services: readonly AddedService[],
  options: ChannelOptions,
  { tls }: ServerCredentials,
): NativeServerHost {
  const { maxReceiveBytes, maxSendBytes, compresses } = messageOptions(options);
  const pingEveryMs = options['grpc.keepalive_time_ms'];
  const pingTimeoutMs = options['grpc.keepalive_timeout_ms'];
  const minIntervalMs = options['grpc.http2.min_ping_interval_without_data_ms'] ?? 10_000;
  const maxConcurrentStreams = options['grpc.max_concurrent_streams'];
  const host = createServerHost({
    tls,
    maxReceiveBytes,
    ...(maxConcurrentStreams !== undefined && { maxConcurrentStreams }),
    pings: { minIntervalMs, minIdleIntervalMs: minIntervalMs },
    patience: {
      ...(pingEveryMs !== undefined && { pingEveryMs, quietPingMs: pingEveryMs }),
      ...(pingTimeoutMs !== undefined && { pingTimeoutMs }),
    },
    requestIds: false,
    toStatus: toWireStatus,
  });
  for (const { definition, middleware, implementation } of services) {
    for (const [name, method] of Object.entries(definition)) {
      const handle: AnyImplementation = Reflect.get(implementation, name).bind(implementation);
      host.add(engineMethodOf(method, maxSendBytes), handlerOf(method, handle, middleware, compresses));
    }
  }
  return host;
}
