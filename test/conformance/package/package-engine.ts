import type { Engine } from '../../../mesh/engines/engine.ts';
import type { Library } from './library.ts';
import { PackageHost } from './package-host.ts';
import { PackageTransport } from './package-transport.ts';

/**
 * An installed `@ordermesh/grpc` in the shape of an engine, so the suites run on its servers and clients. `path` is that of its module.
 * A server compresses all responses if the caller accepts that, as this is a setting of the whole server.
 */
export async function packageEngine(path: string): Promise<Engine> {
  const library: Library = await import(path);
  return {
    name: 'the package',
    createServerHost: (options) => new PackageHost(library, options),
    connect: (address, options) => new PackageTransport(library, address, options),
  };
}
