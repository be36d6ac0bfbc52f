import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TestServer } from './servers.ts';

const tools = fileURLToPath(new URL('../../../.tools', import.meta.url));

/** A tool that `make deps` builds with Go, for `describeWithServer`, because it may be missing like a server. */
export interface GoTool extends TestServer {
  readonly path: string;
}

/** grpc-go's interop client. `-test_case` selects what it does. */
export const grpcGoClient = goTool('grpc-go-interop-client');
/** grpc-go's interop server. */
export const grpcGoServer = goTool('grpc-go-interop-server');
/** A grpc-go client that calls a server while it restarts, from `test/conformance/restart`. */
export const grpcGoRestart = goTool('grpc-go-restart');
/** A grpc-go client that calls methods under service configs, from `test/polyglot/service-config`. */
export const grpcGoServiceConfig = goTool('grpc-go-service-config');
/** `examples/services/shipping-go`. */
export const shippingGo = goTool('shipping-go');
/** `examples/services/order-events-go`. */
export const orderEventsGo = goTool('order-events-go');
/** Calls gRPC methods from the shell. */
export const grpcurl = goTool('grpcurl');
/** Load generator for gRPC servers. */
export const ghz = goTool('ghz');
/** Tests HTTP/2 servers frame by frame. */
export const h2spec = goTool('h2spec');
/** Runs the conformance suite of Connect against gRPC servers and clients. */
export const connectConformance = goTool('connectconformance');
/** The contracts of the service that it calls, and of what it sends to the programs under test. */
export const connectProtoFolder = `${tools}/connectconformance/proto`;
/** Renders the manifests for Kubernetes. */
export const kustomize = goTool('kustomize');
/** Checks objects of Kubernetes by JSON schemas. */
export const kubeconform = goTool('kubeconform');

function goTool(name: string): GoTool {
  const path = `${tools}/bin/${name}`;
  return { name, path, version: versionOf(path, `${tools}/go/${name}`) };
}

// Most tools do not report their version; `make deps` records what each was built from.
function versionOf(path: string, note: string): string | undefined {
  if (!existsSync(path)) return undefined;
  const source = existsSync(note) ? readFileSync(note, 'utf8') : '';
  return /@v(\d+\.\d+\.\d+)/.exec(source)?.[1] ?? '(of no known version)';
}
