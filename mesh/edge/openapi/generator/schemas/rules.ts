import { type DescEnum, isFieldSet } from '@bufbuild/protobuf';
import {
  type BytesRules,
  BytesRulesSchema,
  type EnumRules,
  EnumRulesSchema,
  type FieldRules,
  FieldRulesSchema,
  type MapRules,
  MapRulesSchema,
  type RepeatedRules,
  RepeatedRulesSchema,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { compileRules, type RuleTable } from '../../../../contract/plugin/check.ts';
import { createModule } from '../../../../contract/plugin/generated-module.ts';
import { durationRules } from '../../../../contract/plugin/rules/duration.ts';
import { numberRules } from '../../../../contract/plugin/rules/numbers.ts';
import { bytesRules } from '../../../../contract/plugin/rules/scalars.ts';
import { timestampRules } from '../../../../contract/plugin/rules/timestamp.ts';
import type { Schema } from '../document.ts';
import { numberKeywords } from './number-rules.ts';
import { stringKeywords, stringTexts } from './string-rules.ts';

/** What rules add to a schema. */
export interface RuleKeywords {
  readonly keywords: Schema;
  /** Rules that JSON Schema has no keyword for: `must be at most 5 s`. */
  readonly texts: readonly string[];
}

const none: RuleKeywords = { keywords: {}, texts: [] };

/** Translates the rules of a value, without those of what is inside it. `enumType` is the type of an enum's value. */
export function ruleKeywords(rules: FieldRules | undefined, where: string, enumType?: DescEnum): RuleKeywords {
  const kind = rules?.type ?? { case: undefined };
  switch (kind.case) {
    case undefined:
      return none;
    case 'string':
      return { keywords: stringKeywords(kind.value, where), texts: stringTexts(kind.value, textContext(where)) };
    case 'bytes':
      return { keywords: bytesKeywords(kind.value), texts: textsOf(kind, bytesRules, where) };
    case 'bool':
      return { ...none, keywords: { const: kind.value.const } };
    case 'enum':
      return enumType === undefined ? none : { ...none, keywords: { enum: enumNames(kind.value, enumType) } };
    case 'repeated':
      return { ...none, keywords: listKeywords(kind.value) };
    case 'map':
      return { ...none, keywords: mapKeywords(kind.value) };
    case 'timestamp':
      return { ...none, texts: textsOf(kind, timestampRules, where) };
    case 'duration':
      return { ...none, texts: textsOf(kind, durationRules, where) };
    case 'any':
    case 'fieldMask':
      return none;
    default: {
      const keywords = numberKeywords(kind.value);
      return typeof kind.value.const === 'bigint'
        ? { keywords, texts: textsOf(kind, numberRules, where) }
        : { ...none, keywords };
    }
  }
}

/** Translates the rules of a map's keys. A key that is a number is text in JSON, so its bounds are too. */
export function keyKeywords(rules: FieldRules | undefined, where: string): RuleKeywords {
  const { keywords, texts } = ruleKeywords(rules, where);
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, ...others } = keywords;
  const { const: only, enum: listed, ...rest } = others;
  const bounds = [minimum, maximum, exclusiveMinimum, exclusiveMaximum].filter((bound) => bound !== undefined);
  const kind = rules?.type as Parameters<typeof textsOf>[0];
  return {
    keywords: {
      ...rest,
      ...(only !== undefined && { const: String(only) }),
      ...(listed !== undefined && { enum: listed.map(String) }),
    },
    texts: bounds.length > 0 ? textsOf(kind, numberRules as RuleTable<unknown>, where) : texts,
  };
}

/** Returns the descriptions that the generated checks have for these rules. */
function textsOf<Kind extends { readonly case: string; readonly value: Parameters<typeof compileRules>[1] }>(
  { case: name, value }: Kind,
  table: RuleTable<Kind['value']>,
  where: string,
): string[] {
  const schema = FieldRulesSchema.fields.find((field) => field.localName === name)?.message;
  if (schema === undefined) return [];
  return compileRules(schema, value, table, '', textContext(where)).map(({ description }) => description);
}

function textContext(where: string) {
  return { module: createModule('', []), runtime: (name: string) => name, where };
}

function enumNames(rules: EnumRules, type: DescEnum): string[] {
  const { field } = EnumRulesSchema;
  const allowed = type.values.filter(({ number }) => {
    if (isFieldSet(rules, field.const) && number !== rules.const) return false;
    return (rules.in.length === 0 || rules.in.includes(number)) && !rules.notIn.includes(number);
  });
  return allowed.map(({ name }) => name);
}

function bytesKeywords(rules: BytesRules): Schema {
  const { field } = BytesRulesSchema;
  const encodedLength = (bytes: bigint): number => Math.ceil(Number(bytes) / 3) * 4;
  const isExact = isFieldSet(rules, field.len);
  return {
    ...((isExact || isFieldSet(rules, field.minLen)) && {
      minLength: encodedLength(isExact ? rules.len : rules.minLen),
    }),
    ...((isExact || isFieldSet(rules, field.maxLen)) && {
      maxLength: encodedLength(isExact ? rules.len : rules.maxLen),
    }),
  };
}

function listKeywords(rules: RepeatedRules): Schema {
  const { field } = RepeatedRulesSchema;
  return {
    ...(isFieldSet(rules, field.minItems) && { minItems: Number(rules.minItems) }),
    ...(isFieldSet(rules, field.maxItems) && { maxItems: Number(rules.maxItems) }),
    ...(rules.unique && { uniqueItems: true }),
  };
}

function mapKeywords(rules: MapRules): Schema {
  const { field } = MapRulesSchema;
  return {
    ...(isFieldSet(rules, field.minPairs) && { minProperties: Number(rules.minPairs) }),
    ...(isFieldSet(rules, field.maxPairs) && { maxProperties: Number(rules.maxPairs) }),
  };
}
