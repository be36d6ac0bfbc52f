import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TestServer } from './servers.ts';

/** The folder with the jars of grpc-java, in `libs`. */
export const grpcJavaFolder = fileURLToPath(new URL('../../../.tools/grpc-java', import.meta.url));

/** The folder with the contracts of gRPC's standard test service, installed by `make deps`. */
export const testProtoFolder = `${grpcJavaFolder}/proto`;

/** grpc-java's interop client and server, with their contracts, for `describeWithServer`. */
export const grpcJava: TestServer = { name: 'grpc-java', version: installedVersion() };

/** Returns the command for one of their main classes, with options for a fast start. */
export function grpcJavaCommand(mainClass: 'TestServiceClient' | 'TestServiceServer'): readonly string[] {
  const quickStart = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx256m'];
  // `make deps` creates a class archive. Java ignores it if the versions do not match.
  const archive = [`-XX:SharedArchiveFile=${grpcJavaFolder}/classes.jsa`, '-Xshare:auto', '-Xlog:disable'];
  const main = `io.grpc.testing.integration.${mainClass}`;
  return ['java', ...quickStart, ...archive, '-cp', `${grpcJavaFolder}/libs/*`, main];
}

// `make deps` copies the pom last, so it shows a complete installation.
function installedVersion(): string | undefined {
  if (!existsSync(`${grpcJavaFolder}/pom.xml`)) return undefined;
  const versions = readdirSync(`${grpcJavaFolder}/libs`).map(
    (file) => /^grpc-interop-testing-([\d.]+)\.jar$/.exec(file)?.[1],
  );
  return versions.find((version) => version !== undefined);
}
