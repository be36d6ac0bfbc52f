import type { DescField } from '@bufbuild/protobuf';
import { ContractError } from '../../../../contract/contract-error.ts';
import { commentOf } from '../comments.ts';
import type { Json, Schema } from '../document.ts';
import { exampleText, isExampleText, named } from './example-text.ts';

/**
 * Returns a value of a field that its schema allows; `undefined` if the schema refers to another, which has an example of its
 * own. Throws a {@link ContractError} if none is found: the comment of the field can name one.
 */
export function exampleValue(field: DescField, schema: Schema, where: string): Json | undefined {
  if (refersToOther(schema)) return undefined;
  const example = valueFor(field, schema);
  if (example !== undefined) return example;
  throw new ContractError(where, 'no example found: name one in its comment, as in "for example `USD`"');
}

function refersToOther({ $ref, items, additionalProperties, type }: Schema): boolean {
  if ($ref !== undefined) return true;
  if (items !== undefined) return refersToOther(items);
  return type === 'object' && typeof additionalProperties === 'object' && refersToOther(additionalProperties);
}

function valueFor(field: DescField, schema: Schema): Json | undefined {
  const { examples: [known] = [] } = schema;
  if (known !== undefined) return fromComment(field, schema) ?? known;
  if (schema.const !== undefined) return schema.const;
  switch (schema.type) {
    case 'array':
      return repeated(schema.items && valueFor(field, schema.items), schema);
    case 'object':
      return entryOf(field, schema);
    case 'boolean':
      return true;
    case 'string':
      return field.enum === undefined ? exampleText(field, schema) : exampleName(schema);
    default:
      return exampleNumber(field, schema);
  }
}

/** Examples of types such as Timestamp are the same everywhere, unless a comment names another. */
function fromComment(field: DescField, schema: Schema): string | undefined {
  const text = named(commentOf(field));
  return text !== undefined && schema.type === 'string' && isExampleText(text, schema) ? text : undefined;
}

/** The first value of an enum that means something. */
function exampleName({ enum: names = [] }: Schema): Json | undefined {
  return names.find((name) => !String(name).endsWith('_UNSPECIFIED')) ?? names[0];
}

function repeated(item: Json | undefined, { minItems = 1 }: Schema): Json | undefined {
  return item === undefined ? undefined : Array.from({ length: Math.max(minItems, 1) }, () => item);
}

function entryOf(field: DescField, { propertyNames, additionalProperties }: Schema): Json | undefined {
  if (typeof additionalProperties !== 'object') return {};
  const key = valueFor(field, { type: 'string', ...propertyNames });
  const value = valueFor(field, additionalProperties);
  return key === undefined || value === undefined ? undefined : { [String(key)]: value };
}

/** The number that the comment names, or 1, or the nearest that the bounds allow. */
function exampleNumber(field: DescField, schema: Schema): number | undefined {
  const bounds = [schema, ...(schema.anyOf ?? [])];
  const near = bounds.flatMap(({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }) =>
    [minimum, maximum, plus(exclusiveMinimum, 1), plus(exclusiveMaximum, -1)].filter((bound) => bound !== undefined),
  );
  const text = named(commentOf(field));
  const listed = (schema.enum ?? []).filter((value) => typeof value === 'number');
  return [...(text === undefined ? [] : [Number(text)]), 1, 2, 0, ...near, ...listed].find((value) =>
    fits(value, schema),
  );
}

function plus(bound: number | undefined, step: number): number | undefined {
  return bound === undefined ? undefined : bound + step;
}

function fits(value: number, schema: Schema): boolean {
  const { minimum = value, maximum = value, exclusiveMinimum = -Infinity, exclusiveMaximum = Infinity } = schema;
  const isInRange = value >= minimum && value <= maximum && value > exclusiveMinimum && value < exclusiveMaximum;
  return (
    isInRange &&
    (schema.const === undefined || schema.const === value) &&
    (schema.enum?.includes(value) ?? true) &&
    !schema.not?.enum?.includes(value) &&
    (schema.anyOf?.some((choice) => fits(value, choice)) ?? true)
  );
}
