import { clone, createFileRegistry, type FileRegistry } from '@bufbuild/protobuf';
import { type FileDescriptorSet, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { beforeAll, describe, expect, it } from 'vitest';
import { createProtoWorkspace } from '../../contract/testing/proto-workspace.ts';
import { shapesRegistry } from '../testing/shapes.ts';
import { readHttpRoutes } from './http-routes.ts';
import { createRouteTable } from './route-table.ts';

/** A service with one method that has this rule. */
const rule = (text: string, stream = '') =>
  `rpc Call(${stream} Message) returns (Message) { option (google.api.http) = {${text}}; }`;

const both = (one: string, other: string) =>
  `rpc One(Message) returns (Message) { option (google.api.http) = {${one}}; }
   rpc Other(Message) returns (Message) { option (google.api.http) = {${other}}; }`;

const refused: readonly (readonly [what: string, methods: string, problem: string])[] = [
  ['no path', rule('body: "*"'), 'it has no path'],
  ['a broken template', rule('get: "/v1/{id"'), 'the variable id has no closing brace'],
  ['an unknown field in the path', rule('get: "/v1/{nope}"'), 'broken.v1.Message has no field nope'],
  ['an unknown nested field', rule('get: "/v1/{child.nope}"'), 'broken.v1.Message has no field child.nope'],
  ['the JSON name of a field', rule('get: "/v1/{displayName}"'), 'has no field displayName'],
  ['a field of a list', rule('get: "/v1/{children.id}"'), 'has no field children.id'],
  ['a part of a time', rule('get: "/v1/{time.seconds}"'), 'has no field time.seconds'],
  ['a list in the path', rule('get: "/v1/{tags}"'), 'tags, which is not a single scalar or enum value'],
  ['a map in the path', rule('get: "/v1/{labels}"'), 'labels, which is not a single scalar or enum value'],
  ['a message in the path', rule('get: "/v1/{child}"'), 'child, which is not a single scalar or enum value'],
  [
    'an unknown field as the body',
    rule('post: "/v1" body: "nope"'),
    'broken.v1.Message has no field nope for the body',
  ],
  ['a nested field as the body', rule('post: "/v1" body: "child.id"'), 'has no field child.id for the body'],
  ['one field in path and body', rule('post: "/v1/{id}" body: "id"'), 'id is bound by both the path and the body'],
  ['a body with GET', rule('get: "/v1" body: "*"'), 'a GET request has no body'],
  ['a body with DELETE', rule('delete: "/v1" body: "*"'), 'a DELETE request has no body'],
  ['an unknown response field', rule('get: "/v1" response_body: "nope"'), 'has no field nope for the answer'],
  ['any HTTP method', rule('custom: {kind: "*" path: "/v1"}'), 'any HTTP method'],
  ['a method that is not a token', rule('custom: {kind: "get it" path: "/v1"}'), '"get it" is not an HTTP method'],
  [
    'bindings in bindings',
    rule('get: "/v1" additional_bindings {get: "/v2" additional_bindings {get: "/v3"}}'),
    'cannot have',
  ],
  ['a stream of requests', rule('post: "/v1" body: "*"', 'stream'), 'its requests are a stream'],
];

const conflicts: readonly (readonly [what: string, methods: string, names: string])[] = [
  ['equal paths', both('get: "/v1/a"', 'get: "/v1/a"'), 'GET /v1/a matches the same requests as GET /v1/a of'],
  ['other variables', both('get: "/v1/{id}"', 'get: "/v1/{display_name}"'), 'same requests as GET /v1/{id} of'],
  ['a wildcard and a variable', both('get: "/v1/*"', 'get: "/v1/{id}"'), 'same requests as GET /v1/* of'],
  ['patterns', both('get: "/v1/{id=a/*}"', 'get: "/v1/a/{id}"'), 'same requests as GET /v1/{id=a/*} of'],
  ['rests', both('get: "/v1/{id=**}"', 'get: "/v1/**"'), 'same requests as GET /v1/{id=**} of'],
  ['verbs', both('post: "/v1/{id}:go"', 'post: "/v1/*:go"'), 'same requests as POST /v1/{id}:go of'],
  ['a custom kind', both('get: "/v1/a"', 'custom: {kind: "GET" path: "/v1/a"}'), 'same requests as GET /v1/a of'],
];

const compatible: readonly (readonly [what: string, methods: string])[] = [
  ['HTTP methods', both('get: "/v1/a"', 'post: "/v1/a" body: "*"')],
  ['verbs', both('get: "/v1/{id}:a"', 'get: "/v1/{id}:b"')],
  ['a literal', both('get: "/v1/{id}"', 'get: "/v1/a"')],
  ['the number of segments', both('get: "/v1/{id}"', 'get: "/v1/{id=**}"')],
];

const all = [...refused, ...conflicts, ...compatible].map(([, methods]) => methods);

let compiled: FileDescriptorSet;

beforeAll(async () => {
  const workspace = await createProtoWorkspace();
  try {
    const services = all.map((methods, index) => `service Service${index} { ${methods} }`);
    await workspace.write('broken/v1/broken.proto', `${head}\n${services.join('\n')}`);
    compiled = await workspace.build();
  } finally {
    await workspace.remove();
  }
});

const head = `syntax = "proto3";
  package broken.v1;
  import "google/api/annotations.proto";
  import "google/protobuf/timestamp.proto";
  message Message {
    string id = 1;
    string display_name = 2;
    repeated string tags = 3;
    map<string, string> labels = 4;
    Message child = 5;
    repeated Message children = 6;
    google.protobuf.Timestamp time = 7;
  }`;

/** A registry with the one service that has these methods. */
function registryOf(methods: string): FileRegistry {
  const name = `Service${all.indexOf(methods)}`;
  const set = clone(FileDescriptorSetSchema, compiled);
  for (const file of set.file) file.service = file.service.filter((service) => service.name === name);
  return createFileRegistry(set);
}

describe('a google.api.http rule', () => {
  it.each(refused)('is refused with %s', (_, methods, problem) => {
    const read = () => readHttpRoutes(registryOf(methods));
    expect(read).toThrow(problem);
    expect(read).toThrow(expect.objectContaining({ reason: 'INVALID_HTTP_RULE' }));
    expect(read).toThrow(/rule of broken\.v1\.Service\d+\.Call cannot be served/);
  });

  it('gives a route for itself and each additional binding', async () => {
    const routes = readHttpRoutes(await shapesRegistry()).filter(({ method }) => method.name === 'UpdateShape');
    expect(
      routes.map(({ verb, template, body }) => [verb, template.source, typeof body === 'object' && body.name]),
    ).toEqual([
      ['PATCH', '/v1/shapes/{shape.id}', 'shape'],
      ['PUT', '/v1/shapes/{shape.id}', 'shape'],
    ]);
  });

  it('gives no route to contracts that do not import the extension', () => {
    const set = clone(FileDescriptorSetSchema, compiled);
    set.file = set.file.filter(({ name }) => name === 'google/protobuf/timestamp.proto');
    expect(readHttpRoutes(createFileRegistry(set))).toEqual([]);
  });
});

describe('a table of routes', () => {
  it.each(conflicts)('refuses two routes that differ only by %s, and names both', (_, methods, problem) => {
    const create = () => createRouteTable(readHttpRoutes(registryOf(methods)));
    expect(create).toThrow(problem);
    expect(create).toThrow(/rule of broken\.v1\.Service\d+\.Other .* of broken\.v1\.Service\d+\.One/);
  });

  it.each(compatible)('takes two routes that differ by %s', (_, methods) => {
    expect(() => createRouteTable(readHttpRoutes(registryOf(methods)))).not.toThrow();
  });
});
