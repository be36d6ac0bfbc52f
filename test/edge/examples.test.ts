import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OpenApiDocument, Schema } from '../../mesh/edge/openapi/generator/document.ts';
import { resolvePointer } from '../../mesh/edge/openapi/generator/testing/examples.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';
import { send } from './support/http.ts';

const document = JSON.parse(
  await readFile(new URL('../../gen/openapi.json', import.meta.url), 'utf8'),
) as OpenApiDocument;

let mesh: TestMesh;

beforeAll(async () => {
  mesh = await startMesh(allServices, { HTTP_LISTEN: '127.0.0.1:0' });
});

afterAll(() => mesh.stop());

interface Example {
  readonly verb: string;
  readonly path: string;
  readonly body: unknown;
}

/** What "Try it out" sends: the example of each operation with a body, with `x` for what its path binds. */
const examples = Object.entries(document.paths).flatMap(([path, operations]) =>
  Object.entries(operations).flatMap(([verb, operation]): Example[] => {
    const schema = bodyOf(operation);
    if (schema === undefined) return [];
    return [{ verb: verb.toUpperCase(), path: path.replaceAll(/\{\w+\}/g, 'x'), body: schema.examples?.[0] }];
  }),
);

function bodyOf(operation: object): Schema | undefined {
  const body = 'requestBody' in operation ? operation.requestBody : undefined;
  const schema = resolvePointer(body, 'content/application~1json/schema') as Schema | undefined;
  return schema?.$ref === undefined ? schema : (resolvePointer(document, schema.$ref) as Schema);
}

it('the examples are of all operations with a body', () => {
  expect(examples.length).toBeGreaterThan(15);
});

/** Examples that are refused, with the field: its rule, `ids` or `filter` but not both, is in the service and not in the contract. */
const refused: Readonly<Record<string, string>> = { '/api/ops/dead-letters:redrive': 'ids' };

it.each(examples)('the example of $verb $path is valid', async ({ verb, path, body }) => {
  const headers = { 'idempotency-key': `example-${path}` };
  const { status, json } = await send(mesh.httpAddress ?? '', verb, path, { headers, body });
  // What it names need not be there: that is another code.
  const violations = json?.code === 'INVALID_ARGUMENT' ? (json.violations ?? [json.reason]) : [];
  const field = refused[path];
  expect(violations).toEqual(field === undefined ? [] : [expect.objectContaining({ field })]);
  expect(status).toBeLessThan(500);
});
