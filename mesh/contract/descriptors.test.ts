import { readFile } from 'node:fs/promises';
import { fromBinary } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { contractDescriptors } from './declared-services.ts';

const { file: files } = fromBinary(FileDescriptorSetSchema, await readFile(contractDescriptors));
const ours = files.filter(({ name }) => !/^(buf|google|grpc)\//.test(name));

describe('the descriptors of the contracts', () => {
  // Generators such as prost look each declaration up and fail if a file has locations for some only.
  it.each(ours.map((file) => [file.name, file]))('have source info for each declaration of %s', (_, file) => {
    const located = new Map((file.sourceCodeInfo?.location ?? []).map(({ path, span }) => [path.join('.'), span]));
    const declared = declarations(file);
    expect(declared.length).toBeGreaterThan(0);
    expect(declared.filter((path) => !located.has(path))).toEqual([]);
    for (const span of located.values()) expect(isSpan(span), `${span}`).toBe(true);
  });

  it('have the comments of our contracts', () => {
    const comments = ours.flatMap(({ sourceCodeInfo }) => sourceCodeInfo?.location.map((at) => at.leadingComments));
    expect(comments).toContain(
      " Manages users. Every change is published to the topic `user.events`, keyed by the user's id.\n",
    );
  });

  it('have no source info for third-party contracts', () => {
    const thirdParty = files.filter((file) => !ours.includes(file));
    expect(thirdParty.length).toBeGreaterThan(5);
    for (const { name, sourceCodeInfo } of thirdParty) expect(sourceCodeInfo, name).toBeUndefined();
  });
});

/** Lines and columns count from 0; a span of three numbers ends on the line where it starts. */
function isSpan(span: readonly number[]): boolean {
  const [startLine = -1, startColumn = -1, ...end] = span;
  const [endLine = -1, endColumn = -1] = end.length === 1 ? [startLine, ...end] : end;
  if (startLine < 0 || startColumn < 0 || end.length < 1 || end.length > 2) return false;
  return endLine > startLine || (endLine === startLine && endColumn > startColumn);
}

/** The paths of all declarations of a file, in the form of `SourceCodeInfo.Location.path`. */
function declarations(file: FileDescriptorProto): string[] {
  return [
    ...file.messageType.flatMap((message, index) => messageDeclarations(message, `4.${index}`)),
    ...file.enumType.flatMap((type, index) => enumDeclarations(type, `5.${index}`)),
    ...file.service.flatMap((service, index) => [
      `6.${index}`,
      ...service.method.map((_, method) => `6.${index}.2.${method}`),
    ]),
    ...file.extension.map((_, index) => `7.${index}`),
  ];
}

function messageDeclarations(message: DescriptorProto, path: string): string[] {
  // The oneof of a proto3 `optional` field is not in the source.
  const hidden = new Set(message.field.filter((field) => field.proto3Optional).map((field) => field.oneofIndex));
  const oneofs = message.oneofDecl.map((_, index) => index).filter((index) => !hidden.has(index));
  return [
    path,
    ...message.field.map((_, index) => `${path}.2.${index}`),
    ...message.nestedType.flatMap((nested, index) =>
      nested.options?.mapEntry ? [] : messageDeclarations(nested, `${path}.3.${index}`),
    ),
    ...message.enumType.flatMap((type, index) => enumDeclarations(type, `${path}.4.${index}`)),
    ...oneofs.map((index) => `${path}.8.${index}`),
  ];
}

function enumDeclarations(type: EnumDescriptorProto, path: string): string[] {
  return [path, ...type.value.map((_, index) => `${path}.2.${index}`)];
}
