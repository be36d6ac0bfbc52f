import type { DescField } from '@bufbuild/protobuf';
import { GenerationError } from '../../plugin/generation-error.ts';
import { commentOf, paragraphs } from '../comments.ts';
import type { RequestBody, Schema } from '../document.ts';
import type { HttpBinding } from '../http-bindings.ts';
import { fieldSchema } from '../schemas/field-schema.ts';
import { nameOf, type Schemas } from '../schemas/schemas.ts';
import { fieldsAlong } from './path-parameters.ts';

/** Returns the body of a binding's requests; `undefined` if they have none. `inPath` are the fields that its path binds. */
export function requestBody(
  binding: HttpBinding,
  inPath: readonly string[],
  index: number,
  schemas: Schemas,
): RequestBody | undefined {
  const { method, body } = binding;
  if (body === '') return undefined;
  if (body === '*') {
    const { input } = method;
    const bound = inPath.filter((path) => !path.includes('.'));
    const without = new Set(bound.flatMap((path) => fieldsAlong(input, path)));
    const isRequired = [...schemas.required(input)].some((field) => !without.has(field));
    // Each binding has other fields in its path.
    const schema = schemas.body(input, index === 0 ? input.typeName : `${input.typeName}-${index + 1}`, { without });
    return jsonBody('The request, without what its path has.', isRequired, schema);
  }
  const field = method.input.fields.find(({ name }) => name === body);
  if (field === undefined) throw new GenerationError(method.input.typeName, `its google.api.http body is ${body}`);
  const isRequired = schemas.required(method.input).has(field);
  const note =
    binding.verb === 'patch' ? 'Without a mask, the fields in the body are those that are updated.' : undefined;
  return jsonBody(paragraphs(commentOf(field), note), isRequired, fieldBody(field, inPath, schemas));
}

/** The schema of a field that is a body. What the path binds of it may be missing. */
function fieldBody(field: DescField, inPath: readonly string[], schemas: Schemas): Schema {
  const { message } = field;
  const nested = inPath
    .filter((path) => path.startsWith(`${field.name}.`))
    .map((path) => path.slice(field.name.length + 1));
  if (message === undefined || field.fieldKind !== 'message' || nested.length === 0) {
    const { description: _, ...schema } = fieldSchema(field, 'request', schemas);
    return schema;
  }
  const optional = new Set(nested.filter((path) => !path.includes('.')).flatMap((path) => fieldsAlong(message, path)));
  const isSame = schemas.required(message).isDisjointFrom(optional);
  if (isSame) return schemas.message(message, 'request');
  return schemas.body(message, `${nameOf(message, 'request')}-without-${nested.join('-')}`, { optional });
}

function jsonBody(description: string, required: boolean, schema: Schema): RequestBody {
  return { description, required, content: { 'application/json': { schema } } };
}
