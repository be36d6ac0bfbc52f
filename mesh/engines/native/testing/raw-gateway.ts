import { Status } from 'nice-grpc-common';
import { onTestFinished } from 'vitest';
import { MeshError } from '../../../errors/mesh-error.ts';
import { toStatus } from '../../../errors/to-status.ts';
import { createLogger } from '../../../telemetry/logger.ts';
import type { Engine, ServerHost, ServerHostOptions } from '../../engine.ts';
import type { ForwardedCall, ForwardedEnd, Forwarder, RawEndpoint } from '../../forwarding.ts';
import { nativeEngine } from '../engine.ts';
import { NativeRawEndpoint } from '../grpc/forward/raw-endpoint.ts';

const logger = createLogger('silent');

/** A host that forwards all calls without a forwarder of the mesh: as the engine does alone. */
export interface RawGateway {
  readonly host: ServerHost;
  readonly address: string;
  /** The calls so far, and how those that ended did. */
  readonly calls: readonly ForwardedCall[];
  readonly ends: readonly ForwardedEnd[];
}

/** Forwards every call to the first of these endpoints, and to the next ones if that does not begin it. */
function forwardTo(endpoints: readonly RawEndpoint[]) {
  const calls: ForwardedCall[] = [];
  const ends: ForwardedEnd[] = [];
  const forwarder: Forwarder = {
    begin(call) {
      calls.push(call);
      let tried = 0;
      return {
        repetition: 'by-request-id',
        collectsRequest: /unary$|server-streaming$/.test(call.path),
        admit: async () => undefined,
        next(problem) {
          const endpoint = endpoints[tried++];
          if (endpoint) return endpoint;
          throw new MeshError(Status.UNAVAILABLE, 'NO_ENDPOINTS', `no endpoint is left: ${problem}`);
        },
        misses: () => tried < endpoints.length,
        answered: () => undefined,
        ended: (end) => void ends.push(end),
      };
    },
  };
  return { forwarder, calls, ends };
}

/** Opens a gateway to servers at these addresses, until the test ends. It collects the requests of unary calls. */
export async function openRawGateway(
  addresses: readonly string[],
  options: Partial<ServerHostOptions> = {},
  listen = '127.0.0.1:0',
): Promise<RawGateway> {
  const host = nativeEngine.createServerHost({ toStatus: (error, call) => toStatus(error, call, logger), ...options });
  const endpoints = addresses.map((address) => new NativeRawEndpoint(address));
  const { forwarder, calls, ends } = forwardTo(endpoints);
  host.forward?.(forwarder);
  const port = await host.listen(listen);
  onTestFinished(async () => {
    await host.drain(0);
    for (const endpoint of endpoints) endpoint.close();
  });
  return { host, address: `127.0.0.1:${port}`, calls, ends };
}

/** The native engine, whose hosts are called through a raw gateway. */
export const engineBehindRawGateway: Engine = {
  ...nativeEngine,
  createServerHost(options) {
    const host = nativeEngine.createServerHost(options);
    let gateway: RawGateway | undefined;
    return {
      get openConnections() {
        return host.openConnections;
      },
      get boundAddress() {
        return gateway?.host.boundAddress;
      },
      add: (method, handler) => host.add(method, handler),
      async drain(graceMs) {
        await Promise.all([host.drain(graceMs), gateway?.host.drain(graceMs)]);
      },
      async listen(address) {
        gateway = await openRawGateway([`127.0.0.1:${await host.listen('127.0.0.1:0')}`], {}, address);
        return Number(gateway.address.slice(gateway.address.lastIndexOf(':') + 1));
      },
    };
  },
};
