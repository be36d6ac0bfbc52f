import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  createFileRegistry,
  type DescEnum,
  type DescExtension,
  type DescField,
  type DescFile,
  type DescMessage,
  type DescService,
  type FileRegistry,
  fromBinary,
} from '@bufbuild/protobuf';
import { nestedTypes } from '@bufbuild/protobuf/reflect';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { file_buf_validate_validate as original } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { collectThirdPartyProtos } from './third-party-protos.ts';

let folder: TempFolder;
let compiled: FileRegistry;

beforeAll(async () => {
  folder = await tempFolder();
  const dir = folder.path;
  await collectThirdPartyProtos(join(dir, 'protos'));
  const image = join(dir, 'image.binpb');
  const buf = fileURLToPath(new URL('../../node_modules/.bin/buf', import.meta.url));
  await writeFile(join(dir, 'buf.yaml'), JSON.stringify({ version: 'v2', modules: [{ path: 'protos' }] }));
  execFileSync(buf, ['build', '--as-file-descriptor-set', '--output', image], { cwd: dir });
  compiled = createFileRegistry(fromBinary(FileDescriptorSetSchema, await readFile(image)));
});

afterAll(() => folder[Symbol.asyncDispose]());

describe('collectThirdPartyProtos', () => {
  it('collects contracts that compile and define what ours and the runtime need', () => {
    const names = ['google.api.http', 'google.rpc.Status', 'google.rpc.BadRequest', 'grpc.health.v1.Health'];
    const reflection = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'];
    for (const name of [...names, ...reflection]) expect(compiled.get(name)?.typeName).toBe(name);
  });

  it('prints a buf/validate/validate.proto with the same declarations as the original', () => {
    const printed = compiled.getFile('buf/validate/validate.proto');
    if (printed === undefined) throw new Error('buf/validate/validate.proto was not compiled');
    const declared = describeFile(original);
    expect(declared.length).toBeGreaterThan(250);
    expect(describeFile(printed)).toEqual(declared);
  });
});

/** Describes every field, enum value and extension with its number and type, one line each. */
function describeFile(file: DescFile): string[] {
  return [...nestedTypes(file)].flatMap(describeType).sort();
}

function describeType(type: DescMessage | DescEnum | DescExtension | DescService): string[] {
  switch (type.kind) {
    case 'message':
      return type.fields.map((field) => `${type.typeName}.${describeField(field)} in ${field.oneof?.name}`);
    case 'enum':
      return type.values.map(({ name, number }) => `${type.typeName}.${name} = ${number}`);
    case 'extension':
      return [`extend ${type.extendee.typeName} ${describeField(type)}`];
    case 'service':
      return [type.typeName];
  }
}

function describeField(field: DescField | DescExtension): string {
  const { type, typeName, label } = field.proto;
  return `${field.name} = ${field.number}, type ${type} ${typeName}, label ${label}, presence ${field.presence}`;
}
