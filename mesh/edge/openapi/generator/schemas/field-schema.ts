import {
  type DescEnum,
  type DescField,
  type DescMessage,
  getOption,
  hasOption,
  type Registry,
} from '@bufbuild/protobuf';
import { type FieldRules, field as fieldOption, Ignore } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { commentOf, paragraphs } from '../comments.ts';
import type { Schema } from '../document.ts';
import { exampleValue } from '../examples/example-value.ts';
import type { RequiredFields } from './required-fields.ts';
import { keyKeywords, ruleKeywords } from './rules.ts';
import { keySchema, scalarSchema } from './scalars.ts';
import { wellKnownSchema } from './well-known.ts';

/**
 * Who sends a message. The rules of a contract hold for requests: they are enforced there, and nowhere else. A response has
 * all its fields but those that may be unset.
 */
export type View = 'request' | 'response';

/** Finds the schemas of types, which may hold each other. */
export interface SchemaRefs {
  readonly registry: Registry;
  readonly message: (message: DescMessage, view: View) => Schema;
  readonly enum: (type: DescEnum) => Schema;
  readonly required: RequiredFields;
}

/** `OUTPUT_ONLY` of `google.api.FieldBehavior`. */
const outputOnly = 3;

/** Returns the schema of a field, with its comment, its rules and, unless it is a message, an example. */
export function fieldSchema(field: DescField, view: View, refs: SchemaRefs): Schema {
  const rules = view === 'request' ? getOption(field, fieldOption) : undefined;
  const where = `${field.parent.file.name}.proto: ${field.parent.typeName}.${field.name}`;
  const isIgnored = rules?.ignore === Ignore.ALWAYS || (view === 'request' && isOutputOnly(field, refs.registry));
  const { schema, texts } = isIgnored
    ? { schema: looseSchema(field, refs), texts: [] }
    : wholeSchema(field, rules, view, refs, where);
  const description = paragraphs(commentOf(field), ...texts.map(sentence));
  const described = {
    ...schema,
    ...(description && { description }),
    ...(isOutputOnly(field, refs.registry) && { readOnly: true }),
  };
  const example = exampleValue(field, ruledSchema(field, refs, where) ?? described, where);
  return example === undefined ? described : { ...described, examples: [example] };
}

/** The schema that examples are made of, the same in requests and responses: rules say most about what a value looks like. */
function ruledSchema(field: DescField, refs: SchemaRefs, where: string): Schema | undefined {
  if (field.message !== undefined && wellKnownSchema(field.message) === undefined) return undefined;
  return wholeSchema(field, getOption(field, fieldOption), 'request', refs, where).schema;
}

/** Whether the server sets a field, and ignores it in requests: its `google.api.field_behavior` says so. */
export function isOutputOnly(field: DescField, registry: Registry): boolean {
  const extension = registry.getExtension('google.api.field_behavior');
  if (extension === undefined || !hasOption(field, extension)) return false;
  const behaviors: unknown = getOption(field, extension);
  return Array.isArray(behaviors) && behaviors.includes(outputOnly);
}

interface Described {
  readonly schema: Schema;
  readonly texts: readonly string[];
}

/** A field without its rules: what is ignored may break them. */
function looseSchema(field: DescField, refs: SchemaRefs): Schema {
  const { schema } = wholeSchema(field, undefined, 'response', refs, '');
  return schema.$ref === undefined || field.enum !== undefined ? schema : { type: 'object' };
}

function wholeSchema(
  field: DescField,
  rules: FieldRules | undefined,
  view: View,
  refs: SchemaRefs,
  where: string,
): Described {
  if (field.fieldKind !== 'list' && field.fieldKind !== 'map') return valueSchema(field, rules, view, refs, where);
  const own = ruleKeywords(rules, where);
  if (field.fieldKind === 'list') {
    const itemRules = rules?.type.case === 'repeated' ? rules.type.value.items : undefined;
    const items = elementSchema(field, itemRules, view, refs, where);
    return { schema: { type: 'array', items: withTexts(items), ...own.keywords }, texts: own.texts };
  }
  const mapRules = rules?.type.case === 'map' ? rules.type.value : undefined;
  const keys = keyKeywords(mapRules?.keys, where);
  const values = elementSchema(field, mapRules?.values, view, refs, where);
  return {
    schema: {
      type: 'object',
      propertyNames: withTexts({
        schema: { ...keySchema(field.mapKey), ...keys.keywords },
        texts: keys.texts,
      }),
      additionalProperties: withTexts(values),
      ...own.keywords,
    },
    texts: own.texts,
  };
}

/** Returns the schema of a field that is neither list nor map, of a list's items, or of a map's values. */
function valueSchema(
  field: DescField,
  rules: FieldRules | undefined,
  view: View,
  refs: SchemaRefs,
  where: string,
): Described {
  const { keywords, texts } = ruleKeywords(rules, where, field.enum);
  if (field.enum !== undefined) {
    const isWhole = keywords.enum === undefined || keywords.enum.length === field.enum.values.length;
    return { schema: isWhole ? refs.enum(field.enum) : { type: 'string', ...keywords }, texts };
  }
  if (field.message === undefined) return { schema: narrow(scalarSchema(field.scalar), keywords), texts };
  const known = wellKnownSchema(field.message);
  return { schema: known === undefined ? refs.message(field.message, view) : narrow(known, keywords), texts };
}

/** Returns the schema of an item of a list, or of a value of a map. Unlike a field, it cannot be left out if it is zero. */
function elementSchema(...[field, rules, view, refs, where]: Parameters<typeof valueSchema>): Described {
  const { schema, texts } = valueSchema(field, rules, view, refs, where);
  if (rules?.ignore !== Ignore.IF_ZERO_VALUE || field.scalar === undefined) return { schema, texts };
  const { type, format, ...ruled } = schema;
  const zero = { string: '', integer: 0, number: 0, boolean: false }[String(type)] ?? 0;
  return {
    schema: {
      ...(type && { type }),
      ...(format && { format }),
      anyOf: [ruled, { const: format?.endsWith('64') ? '0' : zero }],
    },
    texts,
  };
}

/** Adds rules to a schema. A floating-point number that has any is not NaN or infinite. */
function narrow(schema: Schema, keywords: Schema): Schema {
  const hasRules = Object.keys(keywords).length > 0;
  if (!hasRules) return schema;
  const [number] = schema.anyOf ?? [];
  return { ...(number?.type === 'number' ? number : schema), ...keywords };
}

function withTexts({ schema, texts }: Described): Schema {
  return texts.length === 0 ? schema : { ...schema, description: texts.map(sentence).join(' ') };
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
