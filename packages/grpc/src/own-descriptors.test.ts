import { readFile } from 'node:fs/promises';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { expect, it } from 'vitest';
import { ownDescriptors } from './own-descriptors.ts';

it('has health and both versions of reflection as the contracts have them', async () => {
  const all = fromBinary(
    FileDescriptorSetSchema,
    await readFile(new URL('../../../gen/descriptors.binpb', import.meta.url)),
  );
  const file = all.file
    .filter(({ name }) => /^grpc\/(?:health|reflection)\//.test(name))
    .map((descriptor) => ({ ...descriptor, sourceCodeInfo: undefined }));
  expect(file).toHaveLength(3);
  const expected = toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file }));
  expect(Buffer.from(ownDescriptors()).toString('base64')).toBe(Buffer.from(expected).toString('base64'));
});
