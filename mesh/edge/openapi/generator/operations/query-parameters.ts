import type { DescField, DescMessage } from '@bufbuild/protobuf';
import type { Parameter } from '../document.ts';
import { fieldSchema } from '../schemas/field-schema.ts';
import type { Schemas } from '../schemas/schemas.ts';
import { wellKnownSchema } from '../schemas/well-known.ts';

/**
 * Returns a parameter for each field of a request that a query can have: `after_id`, or `filter.reason` of a field in a
 * message. It has no maps and no lists of messages, nor what is `elsewhere`. Of a oneof with a field that is elsewhere it has
 * none, because only one can be set.
 */
export function queryParameters(message: DescMessage, elsewhere: ReadonlySet<string>, schemas: Schemas): Parameter[] {
  return parametersIn(message, [], elsewhere, new Set(), schemas);
}

function parametersIn(
  message: DescMessage,
  parents: readonly DescField[],
  elsewhere: ReadonlySet<string>,
  within: ReadonlySet<DescMessage>,
  schemas: Schemas,
): Parameter[] {
  // The fields of a message that holds itself would have no end.
  if (within.has(message)) return [];
  const pathOf = (field: DescField): string => [...parents, field].map(({ name }) => name).join('.');
  const required = parents.length === 0 ? schemas.required(message) : new Set();
  const free = message.fields.filter((field) => {
    const members = field.oneof?.fields ?? [field];
    return !members.some((member) => elsewhere.has(pathOf(member)));
  });
  return free.flatMap((field) => {
    if (isNested(field)) {
      return parametersIn(field.message, [...parents, field], elsewhere, new Set([...within, message]), schemas);
    }
    if (!isQueryable(field)) return [];
    return [parameter(field, pathOf(field), required.has(field), schemas)];
  });
}

function parameter(field: DescField, name: string, required: boolean, schemas: Schemas): Parameter {
  const { description = '', ...schema } = fieldSchema(field, 'request', schemas);
  const [example] = schemas.resolve(schema).examples ?? [];
  return {
    name,
    in: 'query',
    description,
    ...(required && { required }),
    schema,
    ...(required && example !== undefined && { example }),
  };
}

function isNested(field: DescField): field is DescField & { readonly message: DescMessage } {
  return field.fieldKind === 'message' && wellKnownSchema(field.message) === undefined;
}

function isQueryable(field: DescField): boolean {
  if (field.fieldKind === 'map') return false;
  const { type } = field.message === undefined ? { type: 'string' } : (wellKnownSchema(field.message) ?? {});
  return type !== undefined && type !== 'object' && type !== 'array';
}
