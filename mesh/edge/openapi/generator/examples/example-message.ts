import type { DescMessage } from '@bufbuild/protobuf';
import type { Json, Schema } from '../document.ts';

/** Fields of requests that an example leaves out: with them, a call succeeds once at most. */
const preconditions: ReadonlySet<string> = new Set(['etag', 'request_id']);

/**
 * Returns an example of a message, made of those of its fields: all of them but, in a request, what the server sets and what
 * makes the call conditional, and the first of each oneof. `resolve` finds the schema that a schema refers to; one that is
 * not there yet holds this message itself.
 */
export function exampleMessage(
  message: DescMessage,
  schema: Schema,
  isRequest: boolean,
  resolve: (schema: Schema) => Schema,
): Json {
  const fields = message.fields.filter((field) => {
    const property = schema.properties?.[field.jsonName];
    if (property === undefined || (isRequest && (property.readOnly || preconditions.has(field.name)))) return false;
    return field.oneof?.fields.find((member) => schema.properties?.[member.jsonName]) === field || !field.oneof;
  });
  const entries = fields
    .map(({ jsonName }) => [jsonName, exampleOf(schema.properties?.[jsonName] ?? {}, resolve)] as const)
    .filter((entry): entry is readonly [string, Json] => entry[1] !== undefined);
  return Object.fromEntries(entries);
}

/** Returns the example of a schema; `undefined` while it is not there yet. */
export function exampleOf(schema: Schema, resolve: (schema: Schema) => Schema): Json | undefined {
  const { examples: [example] = [], items, additionalProperties, minItems = 1 } = resolve(schema);
  if (example !== undefined) return example;
  if (items !== undefined) {
    const item = exampleOf(items, resolve);
    return item === undefined ? [] : Array.from({ length: Math.max(1, minItems) }, () => item);
  }
  if (typeof additionalProperties !== 'object') return undefined;
  const value = exampleOf(additionalProperties, resolve);
  return value === undefined ? {} : { 1: value };
}
