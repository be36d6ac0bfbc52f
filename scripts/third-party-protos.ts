import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
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
 * Collects the third-party contracts that ours import in `targetDir`, replacing what was there. They come from
 * installed npm packages alone, so it needs no network and nothing of theirs is committed.
 */
export async function collectThirdPartyProtos(targetDir: string): Promise<void> {
  await rm(targetDir, { recursive: true, force: true });
  for (const [path, source] of Object.entries(sources)) {
    const target = await ensureParent(join(targetDir, path));
    await copyFile(join(modulesDir, source), target);
  }
  // No npm package has the source of this one, only its descriptor.
  const validate = await ensureParent(join(targetDir, 'buf/validate/validate.proto'));
  await writeFile(validate, printProto(file_buf_validate_validate.proto));
}

async function ensureParent(path: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  return path;
}

if (import.meta.main) await collectThirdPartyProtos(fileURLToPath(new URL('../.cache/proto', import.meta.url)));
