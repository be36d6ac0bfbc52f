import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { TimestampRules } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { nanoseconds } from '../../value-checks.ts';
import type { Check, RuleTable } from '../check.ts';
import { printDuration } from './duration.ts';
import { type Bound, compileRange } from './range.ts';

/**
 * The rules of a Timestamp. `value` reads it in milliseconds since 1970: ts-proto represents it as a Date, so parts
 * of a millisecond are ignored.
 */
export const timestampRules: RuleTable<TimestampRules> = {
  const: ({ const: time }, value) =>
    time && { broken: `${value} !== ${milliseconds(time)}`, description: `must be ${printTime(time)}` },
  within: ({ within }, value) =>
    within && {
      broken: `!(Math.abs(${value} - Date.now()) <= ${nanoseconds(within) / 1_000_000n})`,
      description: `must be within ${printDuration(within)} of now`,
    },
  gt: range,
  gte: range,
  gt_now: range,
  lt: upperAlone,
  lte: upperAlone,
  lt_now: upperAlone,
};

function upperAlone(rules: TimestampRules, value: string): Check | undefined {
  // A range with both ends is one rule, compiled with its lower end.
  return rules.greaterThan.case === undefined ? range(rules, value) : undefined;
}

function range({ greaterThan, lessThan }: TimestampRules, value: string): Check | undefined {
  return compileRange(lowerBound(greaterThan), upperBound(lessThan), value);
}

function lowerBound(rule: TimestampRules['greaterThan']): Bound | undefined {
  if (rule.case === undefined) return undefined;
  if (rule.case === 'gtNow') return rule.value ? nowBound('>') : undefined;
  return timeBound(rule.case === 'gt' ? '>' : '>=', rule.value);
}

function upperBound(rule: TimestampRules['lessThan']): Bound | undefined {
  if (rule.case === undefined) return undefined;
  if (rule.case === 'ltNow') return rule.value ? nowBound('<') : undefined;
  return timeBound(rule.case === 'lt' ? '<' : '<=', rule.value);
}

function nowBound(operator: Bound['operator']): Bound {
  return { operator, literal: 'Date.now()', order: undefined, text: 'now' };
}

function timeBound(operator: Bound['operator'], time: Timestamp): Bound {
  return { operator, literal: `${milliseconds(time)}`, order: milliseconds(time), text: printTime(time) };
}

function milliseconds({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1000 + nanos / 1_000_000;
}

function printTime(time: Timestamp): string {
  return new Date(milliseconds(time)).toISOString();
}
