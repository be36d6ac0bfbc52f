import type { DescField, DescMessage } from '@bufbuild/protobuf';
import type { HttpRoute } from '../../../rules/http-routes.ts';
import { commentOf, paragraphs } from '../comments.ts';
import type { RequestBody, Schema } from '../document.ts';
import { fieldSchema } from '../schemas/field-schema.ts';
import { nameOf, type Schemas } from '../schemas/schemas.ts';

/** Returns the body of a route's requests; `undefined` if they have none. `index` is its place among those of its method. */
export function requestBody(route: HttpRoute, index: number, schemas: Schemas): RequestBody | undefined {
  const { method, body, verb } = route;
  const inPath = route.template.variables.map(({ fieldPath }) => fieldPath);
  if (body === undefined) return undefined;
  if (body === '*') {
    const { input } = method;
    const without = fieldsNamed(input, inPath);
    const isRequired = [...schemas.required(input)].some((field) => !without.has(field));
    const schema = without.size === 0 ? schemas.message(input, 'request') : restOf(input, without, index, schemas);
    return jsonBody('The request, without what its path has.', isRequired, schema);
  }
  const isRequired = schemas.required(method.input).has(body);
  const note = verb === 'PATCH' ? 'Without a mask, the fields in the body are those that are updated.' : undefined;
  return jsonBody(paragraphs(commentOf(body), note), isRequired, fieldBody(body, inPath, schemas));
}

/** What the path leaves of a request. Each route of a method has other fields in its path. */
function restOf(input: DescMessage, without: ReadonlySet<DescField>, index: number, schemas: Schemas): Schema {
  const name = `${nameOf(input, 'request')}-Body`;
  return schemas.body(input, index === 0 ? name : `${name}-${index + 1}`, { without });
}

/** The schema of a field that is a body. What the path binds of it may be missing. */
function fieldBody(field: DescField, inPath: readonly string[], schemas: Schemas): Schema {
  const prefix = `${field.name}.`;
  const nested = inPath.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
  const { message } = field;
  if (message === undefined || field.fieldKind !== 'message' || nested.length === 0) {
    const { description: _, ...schema } = fieldSchema(field, 'request', schemas);
    return schema;
  }
  const optional = fieldsNamed(message, nested);
  if (schemas.required(message).isDisjointFrom(optional)) return schemas.message(message, 'request');
  return schemas.body(message, `${nameOf(message, 'request')}-without-${nested.join('-')}`, { optional });
}

function fieldsNamed({ fields }: DescMessage, names: readonly string[]): ReadonlySet<DescField> {
  return new Set(fields.filter(({ name }) => names.includes(name)));
}

function jsonBody(description: string, required: boolean, schema: Schema): RequestBody {
  return { description, required, content: { 'application/json': { schema } } };
}
