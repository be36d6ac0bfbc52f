import type { Duration } from '@bufbuild/protobuf/wkt';
import type { DurationRules } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { nanoseconds } from '../../value-checks.ts';
import type { Check, RuleTable } from '../check.ts';
import { compileIn, compileNotIn } from './list.ts';
import { type Bound, compileRange } from './range.ts';

/** The rules of a Duration. `value` reads it in nanoseconds, as a bigint. */
export const durationRules: RuleTable<DurationRules> = {
  const: ({ const: duration }, value) =>
    duration && { broken: `${value} !== ${literal(duration)}`, description: `must be ${printDuration(duration)}` },
  in: (rules, value, context) => compileIn(rules.in.map(literal), rules.in.map(printDuration), value, context),
  not_in: (rules, value, context) =>
    compileNotIn(rules.notIn.map(literal), rules.notIn.map(printDuration), value, context),
  gt: range,
  gte: range,
  lt: upperAlone,
  lte: upperAlone,
};

/** Returns a duration as text: `1.5 s`. */
export function printDuration(duration: Duration): string {
  return `${Number(nanoseconds(duration)) / 1e9} s`;
}

function upperAlone(rules: DurationRules, value: string): Check | undefined {
  // A range with both ends is one rule, compiled with its lower end.
  return rules.greaterThan.case === undefined ? range(rules, value) : undefined;
}

function range({ greaterThan, lessThan }: DurationRules, value: string): Check | undefined {
  const lower = greaterThan.case && bound(greaterThan.case === 'gt' ? '>' : '>=', greaterThan.value);
  const upper = lessThan.case && bound(lessThan.case === 'lt' ? '<' : '<=', lessThan.value);
  return compileRange(lower, upper, value);
}

function bound(operator: Bound['operator'], duration: Duration): Bound {
  return { operator, literal: literal(duration), order: nanoseconds(duration), text: printDuration(duration) };
}

function literal(duration: Duration): string {
  return `${nanoseconds(duration)}n`;
}
