import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { file_buf_validate_validate } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { printProto } from './print-proto.ts';

const modulesDir = fileURLToPath(new URL('../node_modules/', import.meta.url));

/** Where each third-party contract comes from: its import path, and its place in an installed npm package. */
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

/**
 * Collects the third-party contracts that ours import in `targetDir`. They come from installed npm packages alone, so
 * it needs no network and nothing of theirs is committed. Safe to run twice at once.
 */
export async function collectThirdPartyProtos(targetDir: string): Promise<void> {
  for (const [path, source] of Object.entries(sources)) {
    await place(join(targetDir, path), await readFile(join(modulesDir, source), 'utf8'));
  }
  // No npm package has the source of this one, only its descriptor.
  await place(join(targetDir, 'buf/validate/validate.proto'), printProto(file_buf_validate_validate.proto));
}

async function place(path: string, source: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  // Renamed into place, so that a generator that runs at the same time never reads half a file.
  await writeFile(`${path}.${process.pid}`, source);
  await rename(`${path}.${process.pid}`, path);
}

if (import.meta.main) await collectThirdPartyProtos(fileURLToPath(new URL('../.cache/proto', import.meta.url)));
