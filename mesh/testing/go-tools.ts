import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TestServer } from './servers.ts';

const tools = fileURLToPath(new URL('../../.tools', import.meta.url));

/** A tool that `make deps` builds with Go, for `describeWithServer`: no server, or not only, but as easily missing as one. */
export interface GoTool extends TestServer {
  readonly path: string;
}

/** grpc-go's client for interoperability: `-test_case` says what it does. */
export const grpcGoClient = goTool('grpc-go-interop-client');
/** grpc-go's server for the same cases. */
export const grpcGoServer = goTool('grpc-go-interop-server');
/** Calls a server that is restarted meanwhile, by grpc-go: `test/conformance/restart`. */
export const grpcGoRestart = goTool('grpc-go-restart');
/** Calls methods from the shell. */
export const grpcurl = goTool('grpcurl');
/** Puts gRPC servers under load. */
export const ghz = goTool('ghz');
/** Tests HTTP/2 servers frame by frame. */
export const h2spec = goTool('h2spec');

function goTool(name: string): GoTool {
  const path = `${tools}/bin/${name}`;
  return { name, path, version: versionOf(path, `${tools}/go/${name}`) };
}

// Most of these do not know their version; `make deps` notes what each was built from.
function versionOf(path: string, note: string): string | undefined {
  if (!existsSync(path)) return undefined;
  const source = existsSync(note) ? readFileSync(note, 'utf8') : '';
  return /@v(\d+\.\d+\.\d+)/.exec(source)?.[1] ?? '(of no known version)';
}
