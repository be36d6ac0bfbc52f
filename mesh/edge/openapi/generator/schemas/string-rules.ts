import { isFieldSet } from '@bufbuild/protobuf';
import { type StringRules, StringRulesSchema } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import type { RuleContext } from '../../../../contract/plugin/check.ts';
import { toJavaScriptPattern } from '../../../../contract/plugin/pattern.ts';
import { stringRules } from '../../../../contract/plugin/rules/strings.ts';
import type { Schema } from '../document.ts';

const { field } = StringRulesSchema;

/** The formats that JSON Schema knows, or has a pattern for, by their names in `buf.validate`. */
const formats: Readonly<Record<string, Schema>> = {
  email: { format: 'email' },
  hostname: { format: 'hostname' },
  ip: { anyOf: [{ format: 'ipv4' }, { format: 'ipv6' }] },
  ipv4: { format: 'ipv4' },
  ipv6: { format: 'ipv6' },
  uri: { format: 'uri' },
  uriRef: { format: 'uri-reference' },
  uuid: { format: 'uuid' },
  tuuid: { pattern: '^[0-9a-fA-F]{32}$' },
  ulid: { pattern: '^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$' },
};

/** The rules that JSON Schema has no keyword for. */
const withoutKeyword = ['len_bytes', 'min_bytes', 'max_bytes', 'address', 'host_and_port'];

/** Translates the rules of a string. Throws a `ContractError` for a pattern that JavaScript does not support. */
export function stringKeywords(rules: StringRules, where: string): Schema {
  const [pattern, ...more] = patterns(rules, where);
  const allOf = more.map((each) => ({ pattern: each }));
  const notContained = isFieldSet(rules, field.notContains) ? { pattern: literally(rules.notContains) } : undefined;
  const excluded = rules.notIn.length > 0 ? { enum: [...rules.notIn] } : undefined;
  const denied = [notContained, excluded].filter((schema) => schema !== undefined);
  return {
    ...format(rules),
    ...lengths(rules),
    ...(isFieldSet(rules, field.const) && { const: rules.const }),
    ...(rules.in.length > 0 && { enum: [...rules.in] }),
    ...(pattern !== undefined && { pattern }),
    ...(allOf.length > 0 && { allOf }),
    ...(denied.length > 0 && { not: denied.length === 1 ? denied[0] : { anyOf: denied } }),
  };
}

/** Describes the rules of a string that JSON Schema has no keyword for. */
export function stringTexts(rules: StringRules, context: RuleContext): string[] {
  return StringRulesSchema.fields
    .filter(({ name }) => withoutKeyword.includes(name))
    .filter((each) => isFieldSet(rules, each))
    .map(({ name }) => stringRules[name]?.(rules, '', context)?.description)
    .filter((text) => text !== undefined);
}

function format({ wellKnown }: StringRules): Schema {
  return wellKnown.value === true ? (formats[wellKnown.case ?? ''] ?? {}) : {};
}

function lengths(rules: StringRules): Schema {
  const isExact = isFieldSet(rules, field.len);
  return {
    ...((isExact || isFieldSet(rules, field.minLen)) && { minLength: Number(isExact ? rules.len : rules.minLen) }),
    ...((isExact || isFieldSet(rules, field.maxLen)) && { maxLength: Number(isExact ? rules.len : rules.maxLen) }),
  };
}

function patterns(rules: StringRules, where: string): string[] {
  return [
    ...(isFieldSet(rules, field.pattern) ? [toJavaScriptPattern(rules.pattern, where)] : []),
    ...(isFieldSet(rules, field.prefix) ? [`^${literally(rules.prefix)}`] : []),
    ...(isFieldSet(rules, field.suffix) ? [`${literally(rules.suffix)}$`] : []),
    ...(isFieldSet(rules, field.contains) ? [literally(rules.contains)] : []),
  ];
}

/** A text as a pattern that matches only that text. */
function literally(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
