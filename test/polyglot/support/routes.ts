import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';
import { freePort } from '../../../mesh/testing/servers/free-port.ts';
import { haproxy, startHaproxyWith } from '../../../mesh/testing/servers/haproxy.ts';
import { nginx, startNginxWith } from '../../../mesh/testing/servers/nginx.ts';
import type { StartedProxy } from '../../../mesh/testing/servers/proxy.ts';
import { describeWithServer } from '../../../mesh/testing/servers/servers.ts';
import { startCuttingProxy } from '../../support/cutting-proxy.ts';

const folder = fileURLToPath(new URL('../../../examples/proxies/', import.meta.url));

/** A proxy of users, with its configuration in examples/proxies. */
export interface ExampleProxy {
  readonly server: typeof nginx;
  /** Its configuration, with the addresses replaced. */
  config(listen: string, target: string): Promise<string>;
  start(config: string, listen: string): Promise<StartedProxy>;
}

export const exampleProxies: readonly ExampleProxy[] = [
  { server: nginx, config: (...addresses) => example('nginx.conf', ...addresses), start: startNginxWith },
  { server: haproxy, config: (...addresses) => example('haproxy.cfg', ...addresses), start: startHaproxyWith },
];

/** Starts a proxy with its example configuration, changed by `edit`. */
export async function startExample(
  proxy: ExampleProxy,
  target: string,
  edit: (config: string) => string = (config) => config,
): Promise<StartedProxy> {
  const listen = `127.0.0.1:${await freePort()}`;
  return proxy.start(edit(await proxy.config(listen, target)), listen);
}

async function example(name: string, listen: string, target: string): Promise<string> {
  const config = await readFile(folder + name, 'utf8');
  return replaceOnce(replaceOnce(config, '127.0.0.1:50050', listen), '127.0.0.1:50051', target);
}

/** Replaces the only occurrence of a text. */
export function replaceOnce(config: string, text: string, replacement: string): string {
  const parts = config.split(text);
  if (parts.length !== 2) throw new Error(`the configuration has "${text}" ${parts.length - 1} times`);
  return parts.join(replacement);
}

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
  for (const proxy of exampleProxies) {
    const start: StartRoute = (target, cutAfterBytes) => startProxiedRoute(proxy, target, cutAfterBytes);
    describeWithServer(proxy.server, `through ${proxy.server.name}`, () => suite(start));
  }
}

async function startDirectRoute(target: string, cutAfterBytes: number): Promise<Route> {
  const cut = await startCuttingProxy(portOf(target), cutAfterBytes);
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
  const started = await startExample(proxy, target);
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
