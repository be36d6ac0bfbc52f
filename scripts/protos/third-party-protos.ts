import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { file_buf_validate_validate } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { printProto } from './print-proto.ts';

const modulesDir = fileURLToPath(new URL('../../node_modules/', import.meta.url));

/** Import paths of third-party contracts, and their files in installed npm packages. */
const sources: Record<string, string> = {
  'google/api/annotations.proto': 'google-gax/build/protos/google/api/annotations.proto',
  'google/api/field_behavior.proto': 'google-gax/build/protos/google/api/field_behavior.proto',
  'google/api/http.proto': 'google-gax/build/protos/google/api/http.proto',
  'google/rpc/error_details.proto': 'google-gax/build/protos/google/rpc/error_details.proto',
  'google/rpc/status.proto': 'google-gax/build/protos/google/rpc/status.proto',
  'grpc/health/v1/health.proto': 'grpc-health-check/proto/health/v1/health.proto',
  'grpc/reflection/v1/reflection.proto': '@grpc/reflection/build/proto/grpc/reflection/v1/reflection.proto',
  'grpc/reflection/v1alpha/reflection.proto': '@grpc/reflection/build/proto/grpc/reflection/v1alpha/reflection.proto',
};

/** What ours and the third-party contracts import of `google/protobuf`. */
const wellKnown = ['any', 'descriptor', 'duration', 'empty', 'field_mask', 'timestamp'];

/**
 * Copies the third-party contracts that ours import into `targetDir`. They come from installed npm packages, so this needs
 * no network and no third-party file is committed. Safe to run concurrently.
 */
export async function collectThirdPartyProtos(targetDir: string): Promise<void> {
  for (const [path, source] of Object.entries(sources)) {
    await place(join(targetDir, path), withGoPackage(path, await readFile(join(modulesDir, source), 'utf8')));
  }
  // No npm package contains this source file, only its descriptor.
  await place(join(targetDir, 'buf/validate/validate.proto'), printProto(file_buf_validate_validate.proto));
}

/** Adds what the copy of v1alpha in the npm package does not have. Without a Go package, generators for Go fail for all files. */
function withGoPackage(path: string, source: string): string {
  if (path !== 'grpc/reflection/v1alpha/reflection.proto' || source.includes('go_package')) return source;
  const option = 'option go_package = "google.golang.org/grpc/reflection/grpc_reflection_v1alpha";';
  return source.replace(/^package .*;$/m, `$&\n\n${option}`);
}

/** Whether the contract with this import path is from a third party. */
export function isThirdParty(path: string): boolean {
  return /^(buf|google|grpc)\//.test(path);
}

/**
 * Copies the types that every protobuf compiler has built in into `targetDir`. Some installations of protoc have the
 * compiler without them.
 */
export async function collectWellKnownProtos(targetDir: string): Promise<void> {
  for (const name of wellKnown) {
    const path = `google/protobuf/${name}.proto`;
    await place(join(targetDir, path), await readFile(join(modulesDir, 'google-gax/build/protos', path), 'utf8'));
  }
}

async function place(path: string, source: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  // Renamed into place, so a generator running at the same time never reads half a file.
  await writeFile(`${path}.${process.pid}`, source);
  await rename(`${path}.${process.pid}`, path);
}

if (import.meta.main) await collectThirdPartyProtos(fileURLToPath(new URL('../../.cache/proto', import.meta.url)));
