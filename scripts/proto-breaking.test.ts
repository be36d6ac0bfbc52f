import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema, type FileOptionsSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { withAddedLanguageOptions } from './proto-breaking.ts';

type Options = MessageInitShape<typeof FileOptionsSchema>;

describe('withAddedLanguageOptions', () => {
  const setOf = (options?: Options) => {
    const file = [{ name: 'user/v1/user.proto', ...(options && { options }) }];
    return toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file }));
  };
  const compared = (baseline: Options | undefined, now: Options) =>
    fromBinary(FileDescriptorSetSchema, withAddedLanguageOptions(setOf(baseline), setOf(now))).file[0]?.options;

  it('accepts an option for a language that had none', () => {
    expect(compared(undefined, { goPackage: 'a/v1', javaMultipleFiles: true })).toMatchObject({
      goPackage: 'a/v1',
      javaMultipleFiles: true,
    });
  });

  it('keeps the options of the baseline, so a change or a removal is breaking', () => {
    const before = { goPackage: 'a/v1', javaPackage: 'a.v1' };
    expect(compared(before, { goPackage: 'b/v1' })).toMatchObject(before);
  });
});
