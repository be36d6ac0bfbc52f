import type { NumberRules } from '../../../../contract/plugin/rules/numbers.ts';
import type { Schema } from '../document.ts';

/**
 * Translates the rules of a number. A 64-bit integer is text in JSON, so its bounds become a pattern that limits its sign
 * and its digits.
 */
export function numberKeywords(rules: NumberRules): Schema {
  const { const: only, in: allowed, notIn } = rules;
  const isText = typeof only === 'bigint';
  const json = (number: number | bigint): number | string => (typeof number === 'bigint' ? `${number}` : number);
  return {
    ...(isSet(rules, 'const') && { const: json(only) }),
    ...(allowed.length > 0 && { enum: allowed.map(json) }),
    ...(notIn.length > 0 && { not: { enum: notIn.map(json) } }),
    ...(isText ? textBounds(rules) : bounds(rules)),
  };
}

/** Whether the optional field of a proto2 message is set: unset ones are only on its prototype. */
function isSet(rules: NumberRules, name: string): boolean {
  return Object.hasOwn(rules, name);
}

function bounds({ greaterThan, lessThan, ...rules }: NumberRules): Schema {
  const lower = greaterThan.case && { [greaterThan.case === 'gt' ? 'exclusiveMinimum' : 'minimum']: greaterThan.value };
  const upper = lessThan.case && { [lessThan.case === 'lt' ? 'exclusiveMaximum' : 'maximum']: lessThan.value };
  const isNumber = 'finite' in rules && rules.finite ? { type: 'number' as const } : {};
  // As in buf.validate, an upper bound below the lower one means outside of the two.
  const isOutside = lower && upper && Number(lessThan.value) < Number(greaterThan.value);
  return { ...isNumber, ...(isOutside ? { anyOf: [lower, upper] } : { ...lower, ...upper }) };
}

function textBounds({ $typeName, greaterThan, lessThan }: NumberRules): Schema {
  if (greaterThan.case === undefined || typeof greaterThan.value !== 'bigint') return {};
  const lowest = greaterThan.case === 'gt' ? greaterThan.value + 1n : greaterThan.value;
  const highest = lessThan.case && typeof lessThan.value === 'bigint' ? lessThan.value : undefined;
  if (highest !== undefined && highest < lowest) return {};
  const isUnsigned = ['buf.validate.UInt64Rules', 'buf.validate.Fixed64Rules'].includes($typeName);
  const largest = highest ?? 2n ** (isUnsigned ? 64n : 63n) - 1n;
  const digits = Math.max(...[lowest, largest].map((bound) => `${bound}`.replace('-', '').length));
  const positive = `[1-9][0-9]{0,${digits - 1}}`;
  if (lowest > 0n) return { pattern: `^${positive}$` };
  return { pattern: lowest === 0n ? `^(0|${positive})$` : `^(0|-?${positive})$` };
}
