import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';
import { contractDescriptors } from '../../../../mesh/contract/declared-services.ts';

/** The packages that the page imports, and those that they import. */
const packages = [
  '@bufbuild/protobuf',
  '@bufbuild/protobuf/codegenv2',
  '@bufbuild/protobuf/wire',
  '@bufbuild/protobuf/wkt',
  '@connectrpc/connect',
  '@connectrpc/connect/protocol',
  '@connectrpc/connect/protocol-connect',
  '@connectrpc/connect/protocol-grpc-web',
  '@connectrpc/connect-web',
];

const modules = new URL('../../../../node_modules/', import.meta.url);
const types: Readonly<Record<string, string>> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript' };

/** A server of the page `page/index.html` and its scripts. */
export interface PageServer extends AsyncDisposable {
  /** `http://127.0.0.1:…`. */
  readonly origin: string;
}

/** Starts it on a free port. The page finds its packages in node_modules, by an import map: nothing is bundled. */
export async function startPageServer(): Promise<PageServer> {
  const server = createServer((request, response) => {
    serve(request.url ?? '/', response).catch((error: unknown) => response.writeHead(404).end(String(error)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function serve(target: string, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(target, 'http://page');
  const file = fileOf(pathname);
  const content = await readFile(file);
  const body = pathname === '/' ? content.toString().replace('{}', JSON.stringify({ imports: imports() })) : content;
  response.setHeader('content-type', types[extname(file.pathname)] ?? 'application/octet-stream').end(body);
}

function fileOf(path: string): URL {
  if (path === '/') return new URL('../page/index.html', import.meta.url);
  if (path === '/descriptors.binpb') return contractDescriptors;
  if (path.startsWith('/modules/')) return new URL(path.slice('/modules/'.length), modules);
  return new URL(`../page${path}`, import.meta.url);
}

/** The import map: where each package is on this server. */
function imports(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    packages.map((name) => [name, `/modules/${import.meta.resolve(name).slice(modules.href.length)}`]),
  );
}
