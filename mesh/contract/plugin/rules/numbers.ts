import type {
  DoubleRules,
  Fixed32Rules,
  Fixed64Rules,
  FloatRules,
  Int32Rules,
  Int64Rules,
  SFixed32Rules,
  SFixed64Rules,
  SInt32Rules,
  SInt64Rules,
  UInt32Rules,
  UInt64Rules,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import type { Check, RuleTable } from '../check.ts';
import { compileIn, compileNotIn } from './list.ts';
import { type Bound, compileRange } from './range.ts';

/** The rules of every kind of number. */
export type NumberRules =
  | DoubleRules
  | Fixed32Rules
  | Fixed64Rules
  | FloatRules
  | Int32Rules
  | Int64Rules
  | SFixed32Rules
  | SFixed64Rules
  | SInt32Rules
  | SInt64Rules
  | UInt32Rules
  | UInt64Rules;

const upperOperators = { lt: '<', lte: '<=' } as const;
const lowerOperators = { gt: '>', gte: '>=' } as const;

export const numberRules: RuleTable<NumberRules> = {
  const: (rules, value) => ({
    broken: `${value} !== ${literal(rules.const)}`,
    description: `must be ${rules.const}`,
  }),
  in: (rules, value, context) => compileIn(rules.in.map(literal), rules.in.map(String), value, context),
  not_in: (rules, value, context) => compileNotIn(rules.notIn.map(literal), rules.notIn.map(String), value, context),
  gt: range,
  gte: range,
  // A range with both ends is one rule, compiled with its lower end.
  lt: (rules, value) => (rules.greaterThan.case === undefined ? range(rules, value) : undefined),
  lte: (rules, value) => (rules.greaterThan.case === undefined ? range(rules, value) : undefined),
  finite: (rules, value) =>
    'finite' in rules && rules.finite
      ? { broken: `!Number.isFinite(${value})`, description: 'must be a finite number' }
      : undefined,
};

function range(rules: NumberRules, value: string): Check | undefined {
  const { greaterThan, lessThan } = rules;
  const lower = greaterThan.case && bound(lowerOperators[greaterThan.case], greaterThan.value);
  const upper = lessThan.case && bound(upperOperators[lessThan.case], lessThan.value);
  return compileRange(lower, upper, value);
}

function bound(operator: Bound['operator'], order: number | bigint): Bound {
  return { operator, literal: literal(order), order, text: `${order}` };
}

function literal(number: number | bigint): string {
  return typeof number === 'bigint' ? `${number}n` : `${number}`;
}
