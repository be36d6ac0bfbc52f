import { create } from '@bufbuild/protobuf';
import { CodeGeneratorRequestSchema, type FileDescriptorSet } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProtoWorkspace, type ProtoWorkspace } from '../testing/proto-workspace.ts';
import { generate } from './generate.ts';

const predefinedRule = `
  syntax = "proto2";
  package predefined.v1;
  import "buf/validate/validate.proto";
  extend buf.validate.StringRules {
    optional bool odd = 1500 [(buf.validate.predefined).cel = {id: "odd", expression: "true"}];
  }`;

const refusedFields = [
  { field: 'string a = 1 [(buf.validate.field).cel = {id: "a", expression: "true"}];', problem: 'a: the rule cel' },
  { field: 'string a = 1 [(buf.validate.field).cel_expression = "true"];', problem: 'a: the rule cel_expression' },
  { field: 'string a = 1 [(buf.validate.field).string.ip_prefix = true];', problem: 'a: the rule string.ip_prefix' },
  {
    field: 'string a = 1 [(buf.validate.field).string.well_known_regex = KNOWN_REGEX_HTTP_HEADER_NAME];',
    problem: 'a: the rule string.well_known_regex',
  },
  { field: 'bytes a = 1 [(buf.validate.field).bytes.prefix = "x"];', problem: 'a: the rule bytes.prefix' },
  { field: 'google.protobuf.Any a = 1 [(buf.validate.field).any.in = "x"];', problem: 'a: the rule any' },
  {
    field: 'google.protobuf.FieldMask a = 1 [(buf.validate.field).field_mask.in = "x"];',
    problem: 'a: the rule field_mask',
  },
  {
    field: 'repeated string a = 1 [(buf.validate.field).repeated.items.string.ip_prefix = true];',
    problem: 'a[]: the rule string.ip_prefix',
  },
  {
    field: 'repeated string a = 1 [(buf.validate.field).repeated.items.required = true];',
    problem: 'a[]: the rule required',
  },
  {
    field: 'map<string, string> a = 1 [(buf.validate.field).map.keys.string.ip_prefix = true];',
    problem: 'a (keys): the rule string.ip_prefix',
  },
  {
    field: 'map<string, string> a = 1 [(buf.validate.field).map.values.string.ip_prefix = true];',
    problem: 'a (values): the rule string.ip_prefix',
  },
  {
    field: 'string a = 1 [(buf.validate.field).string.(predefined.v1.odd) = true];',
    problem: 'a: the rule string.(predefined rule 1500)',
  },
];

const place = 'broken/v1/broken.proto: broken.v1.Broken';

let workspace: ProtoWorkspace;

beforeAll(async () => {
  workspace = await createProtoWorkspace();
});

afterAll(() => workspace.remove());

/** A file in its own package, named like the package. */
function fileOf(name: string, definitions: string): string {
  return `syntax = "proto3";
    package ${name}.v1;
    import "buf/validate/validate.proto";
    import "google/protobuf/any.proto";
    import "google/protobuf/field_mask.proto";
    import "mesh/v1/policy.proto";
    ${definitions}`;
}

/** Generates from one file with these definitions; returns what was written, by path. */
async function generateFrom(definitions: string): Promise<Record<string, string>> {
  await workspace.write('broken/v1/broken.proto', fileOf('broken', definitions));
  return generateFile(await workspace.build(), 'broken/v1/broken.proto');
}

function generateFile({ file: protoFile }: FileDescriptorSet, path: string): Record<string, string> {
  const parameter = 'runtime=../../mesh';
  const request = create(CodeGeneratorRequestSchema, { protoFile, fileToGenerate: [path], parameter });
  return Object.fromEntries(generate(request).file.map(({ name, content }) => [name, content]));
}

describe('an unsupported rule', () => {
  let descriptors: FileDescriptorSet;

  beforeAll(async () => {
    const refused = await createProtoWorkspace();
    await refused.write('predefined/v1/predefined.proto', predefinedRule);
    for (const [index, { field }] of refusedFields.entries()) {
      const definitions = `import "predefined/v1/predefined.proto"; message Refused { ${field} }`;
      await refused.write(`refused${index}/v1/refused.proto`, fileOf(`refused${index}`, definitions));
    }
    descriptors = await refused.build();
    await refused.remove();
  });

  it.each(refusedFields.map((refused, index) => ({ ...refused, index })))(
    'is refused in $field',
    ({ problem, index }) => {
      const path = `refused${index}/v1/refused.proto`;
      expect(() => generateFile(descriptors, path)).toThrow(
        `${path}: refused${index}.v1.Refused.${problem} is not supported`,
      );
    },
  );
});

it('refuses rules of a message, and names an alternative', async () => {
  const rule = 'option (buf.validate.message).cel = {id: "a", expression: "true"};';
  await expect(generateFrom(`message Broken { ${rule} string a = 1; }`)).rejects.toThrow(
    `${place}: the rule message.cel is not supported by protoc-gen-mesh: use another rule, or check it in the handler`,
  );
  const oneof = 'option (buf.validate.message).oneof = {fields: ["a"]};';
  await expect(generateFrom(`message Broken { ${oneof} string a = 1; }`)).rejects.toThrow('message.oneof');
});

it('refuses rules for another type', async () => {
  const field = 'string a = 1 [(buf.validate.field).int32.gt = 1];';
  await expect(generateFrom(`message Broken { ${field} }`)).rejects.toThrow(
    `${place}.a: int32 rules do not fit a field of type string`,
  );
});

it('refuses a pattern that has another meaning in JavaScript', async () => {
  const field = 'string a = 1 [(buf.validate.field).string.pattern = "^[[:alpha:]]+$"];';
  await expect(generateFrom(`message Broken { ${field} }`)).rejects.toThrow(
    `${place}.a: the pattern ^[[:alpha:]]+$ uses [[:`,
  );
});

it('writes no file for messages without rules', async () => {
  expect(await generateFrom('message Broken { string a = 1; Broken again = 2; }')).toEqual({});
});

it('distinguishes messages of one name from different packages', async () => {
  await workspace.write(
    'other/v1/other.proto',
    `syntax = "proto3"; package other.v1; import "buf/validate/validate.proto";
     message Broken { string b = 1 [(buf.validate.field).required = true]; }`,
  );
  const generated = await generateFrom(
    'import "other/v1/other.proto"; message Broken { other.v1.Broken a = 1; string b = 2 [(buf.validate.field).required = true]; }',
  );
  const contract = generated['broken/v1/broken.contract.ts'];
  expect(contract).toContain("import { checkBroken as checkBroken2 } from '../../other/v1/other.contract.ts';");
  expect(contract).toContain('checkBroken2(message.a, out);');
});

describe('the type of a validated message', () => {
  const typesFrom = async (definitions: string) =>
    (await generateFrom(definitions))['broken/v1/broken.contract.ts']?.match(/export interface Valid[^}]*}/g) ?? [];

  it('has its required fields and choices', async () => {
    const types = await typesFrom(`
      message Inner { string text = 1; }
      message Broken {
        Inner inner = 1 [(buf.validate.field).required = true];
        optional int64 number = 2 [(buf.validate.field).required = true];
        oneof either { option (buf.validate.oneof).required = true; string one = 3; string other = 4; }
        Inner may_be_missing = 5;
        string text = 6 [(buf.validate.field).required = true];
        Inner ignored = 7 [(buf.validate.field) = {required: true, ignore: IGNORE_ALWAYS}];
      }`);
    expect(types).toEqual([
      `export interface ValidBroken extends Broken {
  inner: Inner;
  number: NonNullable<Broken['number']>;
  either: NonNullable<Broken['either']>;
}`,
    ]);
  });

  it('narrows the messages in it, and refers to itself', async () => {
    const types = await typesFrom(`
      message Inner { Broken outer = 1; google.protobuf.Any any = 2 [(buf.validate.field).required = true]; }
      message Broken {
        Inner one = 1;
        repeated Inner many = 2;
        Inner needed = 3 [(buf.validate.field).required = true];
        map<string, Inner> by_name = 4;
      }`);
    expect(types).toEqual([
      `export interface ValidInner extends Inner {
  outer: ValidBroken | undefined;
  any: NonNullable<Inner['any']>;
}`,
      `export interface ValidBroken extends Broken {
  one: ValidInner | undefined;
  many: ValidInner[];
  needed: ValidInner;
}`,
    ]);
  });
});

it('gives handlers validated requests, and `once` for methods that are idempotent by request_id', async () => {
  const generated = await generateFrom(`
    message Request { string request_id = 1; Reply reply = 2 [(buf.validate.field).required = true]; }
    message Reply {}
    service Odd {
      rpc Change(Request) returns (Reply) { option idempotency_level = IDEMPOTENT; }
      rpc Put(Reply) returns (Reply) { option idempotency_level = IDEMPOTENT; }
      rpc Follow(Request) returns (stream Reply) { option idempotency_level = IDEMPOTENT; }
      rpc Collect(stream Request) returns (Reply);
      rpc Chat(stream Request) returns (stream Reply);
    }`);
  expect(generated['broken/v1/broken.contract.ts']).toContain(`export interface OddHandlers {
  change(request: ValidRequest, context: IdempotentCallContext<Reply>): Promise<DeepPartial<Reply>>;
  put(request: Reply, context: MeshCallContext): Promise<DeepPartial<Reply>>;
  follow(request: ValidRequest, context: MeshCallContext): AsyncIterable<DeepPartial<Reply>>;
  collect(requests: AsyncIterable<Request>, context: MeshCallContext): Promise<DeepPartial<Reply>>;
  chat(requests: AsyncIterable<Request>, context: MeshCallContext): AsyncIterable<DeepPartial<Reply>>;
}`);
});

it('lists the field masks of a request', async () => {
  const generated = await generateFrom(`
    message Request { google.protobuf.FieldMask update_mask = 1; repeated google.protobuf.FieldMask masks = 2; }
    service Odd { rpc Change(Request) returns (Request); }`);
  expect(generated['broken/v1/broken.contract.ts']).toContain("fieldMasks: ['updateMask'],");
});

it('reports a refused contract through buf generate', async () => {
  await workspace.write(
    'broken/v1/broken.proto',
    `syntax = "proto3"; package broken.v1; import "buf/validate/validate.proto";
     message Broken { string a = 1 [(buf.validate.field).cel_expression = "true"]; }`,
  );
  expect(workspace.generate()).toContain(`${place}.a: the rule cel_expression is not supported by protoc-gen-mesh`);
});
