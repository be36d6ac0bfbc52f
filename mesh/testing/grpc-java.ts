import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TestServer } from './servers.ts';

const folder = fileURLToPath(new URL('../../.tools/grpc-java', import.meta.url));

/** Where `make deps` puts the contracts of gRPC's standard test service: `grpc/testing/test.proto` is below it. */
export const testProtoFolder = `${folder}/proto`;

/** grpc-java's client and server for interoperability, for `describeWithServer`. The contracts come with them. */
export const grpcJava: TestServer = { name: 'grpc-java', version: installedVersion() };

/** The command that runs one of their main classes, as cheaply as a short run allows. */
export function grpcJavaCommand(mainClass: 'TestServiceClient' | 'TestServiceServer'): readonly string[] {
  const quickStart = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx256m'];
  // `make deps` keeps the classes as they are when loaded; an archive that does not fit the Java here is left aside.
  const archive = [`-XX:SharedArchiveFile=${folder}/classes.jsa`, '-Xshare:auto', '-Xlog:disable'];
  const main = `io.grpc.testing.integration.${mainClass}`;
  return ['java', ...quickStart, ...archive, '-cp', `${folder}/libs/*`, main];
}

// The copy of the pom is what `make deps` does last.
function installedVersion(): string | undefined {
  if (!existsSync(`${folder}/pom.xml`)) return undefined;
  const versions = readdirSync(`${folder}/libs`).map((file) => /^grpc-interop-testing-([\d.]+)\.jar$/.exec(file)?.[1]);
  return versions.find((version) => version !== undefined);
}
