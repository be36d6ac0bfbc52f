import { readFile } from 'node:fs/promises';
import { createFileRegistry, type DescMessage, type FileRegistry, fromBinary, toJson } from '@bufbuild/protobuf';
import { createValidator } from '@bufbuild/protovalidate';
import { Validator } from '@seriousme/openapi-schema-validator';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { arbitraryMessage, type ValuePool } from '../../../contract/testing/arbitrary-message.ts';
import { createProtoWorkspace, type ProtoWorkspace } from '../../../contract/testing/proto-workspace.ts';
import type { OpenApiDocument, Parameter } from './document.ts';
import { openApiDocument } from './generator.ts';
import { createSchemaCompiler, findExamples, findRefs, resolvePointer } from './testing/examples.ts';

let workspace: ProtoWorkspace;
let registry: FileRegistry;
let document: OpenApiDocument;

beforeAll(async () => {
  workspace = await createProtoWorkspace();
  const [odd, rules] = [
    new URL('testdata/odd.proto', import.meta.url),
    '../../../contract/testdata/rules/v1/rules.proto',
  ];
  await workspace.write('odd/v1/odd.proto', await readFile(odd, 'utf8'));
  await workspace.write('rules/v1/rules.proto', await readFile(new URL(rules, import.meta.url), 'utf8'));
  registry = createFileRegistry(await workspace.build());
  document = openApiDocument(registry, '1.2.3');
});
afterAll(() => workspace.remove());

/** The names of the parameters of an operation, `!` behind those that are required. */
function parametersOf(path: string, verb: 'get' | 'put' | 'post' | 'head'): string[] {
  const parameters = document.paths[path]?.[verb]?.parameters ?? [];
  return parameters
    .filter((each): each is Parameter => 'in' in each)
    .map((each) => `${each.in} ${each.name}${each.required ? '!' : ''}`);
}

function schemaOf(name: string) {
  return document.components.schemas[name];
}

describe('the OpenAPI document of odd contracts', () => {
  it('is valid, has what it refers to, and examples that are valid', async () => {
    const { valid, errors = [] } = await new Validator().validate(JSON.parse(JSON.stringify(document)));
    expect({ valid, errors }).toEqual({ valid: true, errors: [] });
    expect(findRefs(document).filter((ref) => resolvePointer(document, ref) === undefined)).toEqual([]);
    const compile = createSchemaCompiler(document);
    const invalid = findExamples(document).filter(({ schema, example }) => !compile(schema)(example));
    expect(invalid).toEqual([]);
  });

  it('has an operation for each binding', () => {
    const operations = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([verb, { operationId }]) => `${verb} ${path} ${operationId}`),
    );
    expect(operations.filter((each) => !each.includes(' /rules/'))).toEqual([
      'post /odd/{shelf}/things OddService_Make',
      'put /odd/shelves/{name}/things/{name_2}:make OddService_Make_2',
      'get /odd/files/{name} OddService_Make_3',
      'head /odd/{segment}/made OddService_Make_4',
      'get /odd OddService_Uncommented',
      'get /odd/parts/{tree.label} OddService_Part',
      'post /odd/{shelf}/list OddService_List',
    ]);
  });

  it('has the parameters that a query can have', () => {
    const query = ['query one', 'query two', 'query colors', 'query maybe'];
    expect(parametersOf('/odd/{shelf}/things', 'post')).toEqual(['path shelf!', 'query name', ...query]);
    expect(parametersOf('/odd/shelves/{name}/things/{name_2}:make', 'put')).toEqual(['path name!', 'path name_2!']);
    expect(parametersOf('/odd/parts/{tree.label}', 'get')).toEqual(['path tree.label!']);
    expect(parametersOf('/odd/files/{name}', 'get')).toEqual(
      expect.arrayContaining(['path name!', 'query shelf!', 'query thing.name', 'query thing.tree.label']),
    );
  });

  it('has the bodies of requests and responses', () => {
    const bodyOf = (path: string, verb: 'put' | 'post') =>
      document.paths[path]?.[verb]?.requestBody?.content['application/json']?.schema;
    expect(bodyOf('/odd/{shelf}/things', 'post')).toEqual({ $ref: '#/components/schemas/odd.v1.Thing-Input' });
    expect(bodyOf('/odd/{shelf}/list', 'post')).toMatchObject({ type: 'array', minItems: 1 });
    const second = schemaOf('odd.v1.MakeRequest-Body-2');
    expect(Object.keys(second?.properties ?? {})).not.toContain('name');
    expect(second?.required).toEqual(['shelf', 'thing']);
    const part = document.paths['/odd/parts/{tree.label}']?.get?.responses[200];
    expect(part).toMatchObject({
      description: 'The labels.',
      content: { 'application/json': { schema: { type: 'array', items: { type: 'string' } } } },
    });
  });

  it('has what a response always has, and what a request must have', () => {
    expect(schemaOf('odd.v1.Thing')?.required).toEqual(['id', 'name', 'trees', 'flags', 'big', 'ratio', 'unsigned']);
    expect(schemaOf('odd.v1.Thing-Input')?.required).toEqual(['name']);
    expect(schemaOf('odd.v1.Thing-Input')?.properties?.id).toMatchObject({ readOnly: true });
    expect(schemaOf('odd.v1.Thing-Input')?.properties?.size).toMatchObject({ exclusiveMinimum: 3 });
    expect(schemaOf('odd.v1.Thing-Input')?.properties?.age?.description).toBe('Must be at least 1 s.');
  });

  it('has the errors of its comments by their status', () => {
    const { summary, description, responses } = document.paths['/odd/{shelf}/things']?.post ?? {};
    expect(summary).toBe('Makes a thing');
    expect(description).toMatch(/^Makes a thing\. .*Not more\.$/);
    expect(responses?.[400]).toMatchObject({
      'x-reasons': ['TOO_ODD', 'BEYOND'],
      description: expect.stringContaining(
        '- `TOO_ODD`: it is too odd, or not odd enough.\n- `BEYOND` if it is beyond, ABORTED `LATE` if it is late.',
      ),
    });
    expect(responses?.[409]).toMatchObject({ 'x-reasons': ['THING_EXISTS', 'NAME_TAKEN', 'LATE'] });
    expect(document.tags).toEqual([
      { name: 'OddService', description: 'Takes and returns odd things.\n\nIn two paragraphs.' },
    ]);
  });

  it.each([
    ['a status that does not exist', '// Fails with NO_CODE `REASON` always.', 'M', 'get: "/m"', 'NO_CODE'],
    ['a pattern that no example is found for', '', 'P', 'get: "/m"', 'no example found: name one in its comment'],
    [
      'a method that OpenAPI does not have',
      '',
      'M',
      'custom: {kind: "PURGE" path: "/m"}',
      'no operation for the HTTP method PURGE',
    ],
    [
      'two methods with the same path',
      '',
      'M',
      'get: "/same/{id}"',
      'rule of faulty.v1.FaultyService.Other cannot be served: GET /same/{id} matches the same requests as ' +
        'GET /same/{id} of faulty.v1.FaultyService.Call',
    ],
    [
      'two paths that OpenAPI cannot tell apart',
      '',
      'M',
      'get: "/same/{id=**}"',
      'faulty.v1.FaultyService/Other: OpenAPI cannot tell its path GET /same/{id} from that of faulty.v1.FaultyService/Call',
    ],
  ])('refuses %s', async (_, comment, request, rule, problem) => {
    const faulty = await createProtoWorkspace();
    await faulty.write(
      'faulty/v1/faulty.proto',
      `syntax = "proto3"; package faulty.v1; import "buf/validate/validate.proto"; import "google/api/annotations.proto";
      message M { string id = 1; } message P { string p = 1 [(buf.validate.field).string = {pattern: "^[0-9]+$", min_len: 30}]; }
      service FaultyService {
        ${comment}
        rpc Call(${request}) returns (M) { option (google.api.http) = {${rule}}; }
        rpc Other(M) returns (M) { option (google.api.http) = {get: "/same/{id}"}; }
      }`,
    );
    const descriptors = await faulty.build();
    await faulty.remove();
    expect(() => openApiDocument(createFileRegistry(descriptors), '1.2.3')).toThrow(problem);
  });
});

const pool: ValuePool = {
  integers: [0, 1, 2, 3, 4, 5, 6, 7],
  floats: [-0.5, 0, 0.1, 1, 2, 3, 5, 5.5, Number.NaN, Number.POSITIVE_INFINITY],
  texts: [
    '',
    'a',
    'b',
    'ab',
    'abc',
    'é',
    '😀',
    '😀😀',
    '😀😀😀',
    '😀😀😀😀',
    'a b',
    'it\'s "a"\\\n',
    '/aa',
    'xa/b',
    'bab',
  ],
};

/** Rules that JSON Schema has no keyword for, which are in descriptions. */
const inText = /_bytes string$|_keys int32$|(?:bytes|timestamp|duration|int64|fixed64)$/;

describe('the schema of a message with each rule', () => {
  it.each(['Numbers', 'Strings', 'Others', 'Collections'])('accepts what protovalidate accepts: %s', (name) => {
    const message = registry.getMessage(`rules.v1.${name}`) as DescMessage;
    const validator = createValidator({ registry });
    const compile = createSchemaCompiler(document);
    const pointer = `#/components/schemas/rules.v1.${name}-Input`;
    const refused = new Set<string>();
    fc.assert(
      fc.property(arbitraryMessage(message, pool), (bytes) => {
        const decoded = fromBinary(message, bytes);
        const json = Object(toJson(message, decoded, { registry }));
        const { violations = [] } = validator.validate(message, decoded);
        for (const field of message.fields) {
          const value = json[field.jsonName];
          if (value === undefined) continue;
          const broken = violations.find(({ field: [first] }) => first?.kind === 'field' && first === field);
          const accepted = compile(`${pointer}/properties/${field.jsonName}`)(value);
          if (accepted === (broken === undefined)) refused.add(accepted ? '' : field.name);
          // An unknown value of an enum is a number in JSON; a bounded number is never infinite, and NaN equals itself.
          else if (broken === undefined)
            expect(isOutsideOfJson(field.name, value), `${field.name} ${JSON.stringify(value)}`).toBe(true);
          else expect(`${field.name} ${broken.ruleId.split('.')[0]}`).toMatch(inText);
        }
      }),
      { numRuns: 200 },
    );
    expect(refused.size).toBeGreaterThan(6);
  });
});

function isOutsideOfJson(field: string, value: unknown): boolean {
  if (/NaN|Infinity/.test(JSON.stringify(value))) return true;
  return /enum|colors/.test(field) && [value].flat().some((each) => typeof each === 'number');
}
