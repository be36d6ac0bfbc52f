import { readFile } from 'node:fs/promises';
import { createFileRegistry, type DescMessage, fromBinary, fromJson, type JsonValue, toJson } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { createValidator } from '@bufbuild/protovalidate';
import { Validator } from '@seriousme/openapi-schema-validator';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contractDescriptors } from '../../../contract/declared-services.ts';
import { arbitraryMessage } from '../../../contract/testing/arbitrary-message.ts';
import { contractPool } from '../../../contract/testing/contract-pool.ts';
import { readHttpRoutes } from '../../rules/http-routes.ts';
import type { Operation, Schema } from './document.ts';
import { openApiDocument } from './generator.ts';
import { createSchemaCompiler, findExamples, findRefs, resolvePointer } from './testing/examples.ts';

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, await readFile(contractDescriptors)));
const document = openApiDocument(registry, '1.2.3');
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([verb, operation]) => ({ path, verb, operation: operation as Operation })),
);
const compile = createSchemaCompiler(document);

describe('the OpenAPI document of our contracts', () => {
  it('is valid OpenAPI 3.1', async () => {
    const result = await new Validator().validate(JSON.parse(JSON.stringify(document)));
    expect(result.errors ?? []).toEqual([]);
    expect(result.valid).toBe(true);
  });

  it('refers only to what it has', () => {
    const refs = new Set(findRefs(document));
    expect(refs.size).toBeGreaterThan(100);
    expect([...refs].filter((ref) => resolvePointer(document, ref) === undefined)).toEqual([]);
  });

  it('says of each operation whether it needs a token, and what happens without', () => {
    for (const { path, operation } of operations) {
      const isForAnyone = operation['x-access']?.anyone === true;
      expect(operation.security, path).toEqual(isForAnyone ? [] : [{ bearerAuth: [] }]);
      expect(Object.keys(operation.responses), path).toEqual(
        expect.arrayContaining(['401', ...(isForAnyone ? [] : ['403'])]),
      );
    }
    expect(document.components.securitySchemes.bearerAuth).toMatchObject({ type: 'http', scheme: 'bearer' });
  });

  it('refers to each of its components', () => {
    const refs = new Set(findRefs(document));
    const { securitySchemes: _, ...components } = document.components;
    const all = Object.entries(components).flatMap(([kind, named]) =>
      Object.keys(named).map((name) => `#/components/${kind}/${name}`),
    );
    expect(all.filter((pointer) => !refs.has(pointer))).toEqual([]);
  });

  it('has an operation for each path of each method, and no other', () => {
    const expected = readHttpRoutes(registry).map(
      ({ method, verb }) => `${verb.toLowerCase()} ${method.parent.typeName}/${method.name}`,
    );
    const found = operations.map(({ verb, operation }) => `${verb} ${operation['x-grpc-method']}`);
    expect(found.sort()).toEqual(expected.sort());
    expect(found.length).toBeGreaterThan(50);
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length);
  });

  it('has the parameters that its paths name', () => {
    for (const { path, operation } of operations) {
      const named = [...path.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name);
      const declared = operation.parameters.flatMap((each) => ('in' in each && each.in === 'path' ? [each.name] : []));
      expect(declared, path).toEqual(named);
    }
  });

  it('has examples that are valid', () => {
    const examples = findExamples(document);
    expect(examples.length).toBeGreaterThan(300);
    const invalid = examples.filter(({ schema, example }) => !compile(schema)(example));
    expect(invalid.map(({ schema, example }) => `${schema}: ${JSON.stringify(example)}`)).toEqual([]);
  });

  it('has examples of requests that follow the rules of the contract', () => {
    const validator = createValidator({ registry });
    for (const { message, schema } of requestSchemas()) {
      for (const example of schemaAt(schema).examples) {
        const decoded = fromJson(message, example as JsonValue, { registry });
        const { violations = [] } = validator.validate(message, decoded);
        // What is missing is in the path.
        const broken = violations.filter(
          ({ field: [first] }) => first?.kind === 'field' && first.jsonName in Object(example),
        );
        expect(
          broken.map(({ message: text }) => text),
          schema,
        ).toEqual([]);
      }
    }
  });
});

describe('the schema of a request', () => {
  const validator = createValidator({ registry });

  it.each(requestSchemas())('accepts what the rules of $message.typeName accept', ({ message, schema }) => {
    const validate = compile(schema);
    const { properties, examples } = schemaAt(schema);
    const isKnown = (name: string): boolean => name in properties;
    let tried = 0;
    fc.assert(
      fc.property(arbitraryMessage(message, contractPool), (bytes) => {
        const drawn = Object(toJson(message, fromBinary(message, bytes), { registry }));
        const broken = brokenFields(message, drawn);
        const names = Object.keys(drawn).filter((name) => !broken.includes(name));
        // What breaks a rule is replaced by what the example has.
        const body = { ...pick(drawn, names.filter(isKnown)), ...pick(Object(examples[0]), broken) };
        if (brokenFields(message, body).some(isKnown)) return;
        tried += 1;
        expect(validate(body) ? [] : validate.errors).toEqual([]);
      }),
      { numRuns: 60 },
    );
    expect(tried).toBeGreaterThan(20);
  });

  function brokenFields(message: DescMessage, json: JsonObject): string[] {
    const { violations = [] } = validator.validate(message, fromJson(message, json, { registry }));
    const members = violations.flatMap(({ field: [first] }) => {
      if (first?.kind === 'oneof') return first.fields;
      return first?.kind === 'field' ? [first] : [];
    });
    return members.map(({ jsonName }) => jsonName);
  }
});

type JsonObject = { readonly [name: string]: JsonValue };

function pick(json: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(json).filter(([name]) => names.includes(name)));
}

function schemaAt(pointer: string): Required<Pick<Schema, 'properties' | 'examples'>> {
  return resolvePointer(document, pointer) as Required<Pick<Schema, 'properties' | 'examples'>>;
}

/** The messages that are a body or a part of one. */
function requestSchemas(): { readonly message: DescMessage; readonly schema: string }[] {
  return Object.keys(document.components.schemas)
    .filter((name) => /(?:Request|-Input|-Body)$/.test(name))
    .flatMap((name) => {
      const message = registry.getMessage(name.replace(/-(?:Input|Body)$/, ''));
      const field = name.endsWith('-Body') ? bodyFieldOf(message) : undefined;
      return message === undefined ? [] : [{ message: field ?? message, schema: `#/components/schemas/${name}` }];
    });
}

/** The message in the field that is the body of the requests of a type; `undefined`: the request itself is. */
function bodyFieldOf(request: DescMessage | undefined): DescMessage | undefined {
  const route = readHttpRoutes(registry).find(({ method }) => method.input === request);
  return typeof route?.body === 'object' ? route.body.message : undefined;
}
