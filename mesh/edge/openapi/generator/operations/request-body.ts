import type { DescField, DescMessage } from '@bufbuild/protobuf';
import type { HttpRoute } from '../../../rules/http-routes.ts';
import { commentOf, paragraphs } from '../comments.ts';
import type { RequestBody, Schema } from '../document.ts';
import { fieldSchema } from '../schemas/field-schema.ts';
import { nameOf, type Schemas } from '../schemas/schemas.ts';

/**
 * Returns the body of a route's requests; `undefined` if they have none. `index` is its place among those of its method, and
 * `inHeaders` has the fields of the request that headers give.
 */
export function requestBody(
  route: HttpRoute,
  index: number,
  inHeaders: readonly string[],
  schemas: Schemas,
): RequestBody | undefined {
  const { method, body, verb } = route;
  const { input } = method;
  if (body === undefined) return undefined;
  const inPath = route.template.variables.map(({ fieldPath }) => fieldPath);
  // Each route of a method has other fields in its path.
  const name = `${nameOf(input, 'request')}-Body${index === 0 ? '' : `-${index + 1}`}`;
  if (body === '*') {
    const without = fieldsNamed(input, [...inPath, ...inHeaders]);
    const isRequired = !schemas.required(input).isSubsetOf(without);
    const schema = without.size === 0 ? schemas.message(input, 'request') : schemas.body(input, name, { without });
    return jsonBody('The request, without what its path and its headers have.', isRequired, schema);
  }
  const isRequired = schemas.required(input).has(body);
  const note = verb === 'PATCH' ? 'Without a mask, the fields in the body are those that are updated.' : undefined;
  return jsonBody(paragraphs(commentOf(body), note), isRequired, fieldBody(body, name, inPath, schemas));
}

/** The schema of a field that is a body. */
function fieldBody(field: DescField, name: string, inPath: readonly string[], schemas: Schemas): Schema {
  const prefix = `${field.name}.`;
  const nested = inPath.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
  const { message } = field;
  if (message === undefined || field.fieldKind !== 'message' || nested.length === 0) {
    const { description: _, ...schema } = fieldSchema(field, 'request', schemas);
    return schema;
  }
  return schemas.body(message, name, { given: fieldsNamed(message, nested) });
}

function fieldsNamed({ fields }: DescMessage, names: readonly string[]): ReadonlySet<DescField> {
  return new Set(fields.filter(({ name }) => names.includes(name)));
}

function jsonBody(description: string, required: boolean, schema: Schema): RequestBody {
  return { description, required, content: { 'application/json': { schema } } };
}
