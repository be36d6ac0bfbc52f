import { describe } from 'vitest';
import { startFaultProxy } from '../../../mesh/testing/servers/fault-proxy.ts';
import { describeWithServer } from '../../../mesh/testing/servers/servers.ts';
import { type ExampleProxy, exampleProxies, startExample } from './example-proxies.ts';

/** How calls reach the mesh. */
export interface Route extends AsyncDisposable {
  readonly address: string;
  /** The same, but connections of clients are cut after a number of bytes. */
  readonly cutAddress: string;
}

type StartRoute = (target: string, cutAfterBytes: number) => Promise<Route>;

/** Runs a suite for each route to the mesh: directly, and through each proxy. */
export function describeRoutes(suite: (startRoute: StartRoute) => void): void {
  describe('directly', () => suite(startDirectRoute));
  for (const proxy of Object.values(exampleProxies)) {
    const start: StartRoute = (target, cutAfterBytes) => startProxiedRoute(proxy, target, cutAfterBytes);
    describeWithServer(proxy.server, `through ${proxy.server.name}`, () => suite(start));
  }
}

async function startDirectRoute(target: string, cutAfterBytes: number): Promise<Route> {
  const cut = await startFaultProxy(portOf(target), { cutAfterBytes });
  return {
    address: target,
    cutAddress: `127.0.0.1:${cut.port}`,
    [Symbol.asyncDispose]: () => cut[Symbol.asyncDispose](),
  };
}

/**
 * The cut is between the client and the proxy. Between the proxy and the mesh, a cut after the same number of bytes each time
 * might let nothing through: proxies discard what they hold of a broken stream.
 */
async function startProxiedRoute(proxy: ExampleProxy, target: string, cutAfterBytes: number): Promise<Route> {
  const started = await startExample(proxy, [target]);
  const { cutAddress, ...cut } = await startDirectRoute(started.address, cutAfterBytes);
  return {
    address: started.address,
    cutAddress,
    async [Symbol.asyncDispose]() {
      await cut[Symbol.asyncDispose]();
      await started[Symbol.asyncDispose]();
    },
  };
}

function portOf(address: string): number {
  return Number(address.split(':').at(-1));
}
