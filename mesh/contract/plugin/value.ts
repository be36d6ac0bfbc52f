import { type DescEnum, type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';
import { type FieldRules, FieldRulesSchema } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { ContractError } from '../contract-error.ts';
import { type Check, compileRules, type RuleContext, unsupported } from './check.ts';
import { listRules, mapRules } from './rules/collections.ts';
import { durationRules } from './rules/duration.ts';
import { compileNul } from './rules/nul.ts';
import { numberRules } from './rules/numbers.ts';
import { boolRules, bytesRules, enumRules } from './rules/scalars.ts';
import { stringRules } from './rules/strings.ts';
import { timestampRules } from './rules/timestamp.ts';

/** The context of the rules of a value. */
export interface ValueContext extends RuleContext {
  /** Whether the value can be part of a request, whose texts must not have NUL. */
  readonly isRequest: boolean;
}

/** The type of a field, a list item, a map key or a map value. */
export type ValueType =
  | { readonly kind: 'scalar'; readonly scalar: ScalarType }
  | { readonly kind: 'enum'; readonly enum: DescEnum }
  | { readonly kind: 'message'; readonly message: DescMessage }
  | { readonly kind: 'list' }
  | { readonly kind: 'map'; readonly size: string };

/** Returns the type of a field that is neither a list nor a map, of a list's items, or of a map's values. */
export function singleValueType(field: DescField): ValueType {
  if (field.enum !== undefined) return { kind: 'enum', enum: field.enum };
  if (field.message !== undefined) return messageType(field.message);
  return { kind: 'scalar', scalar: field.scalar ?? ScalarType.INT32 };
}

function messageType(message: DescMessage): ValueType {
  // ts-proto represents a wrapper as the value that it wraps.
  const wrapped = isWrapperDesc(message) ? message.fields[0]?.scalar : undefined;
  return wrapped === undefined ? { kind: 'message', message } : { kind: 'scalar', scalar: wrapped };
}

/** Compiles the rules of the value that the expression `value` reads, without those of what is inside it. */
export function compileValueRules(rules: FieldRules, type: ValueType, value: string, context: ValueContext): Check[] {
  rejectExpressions(rules, context.where);
  const implicit = compileImplicit(rules, type, value, context);
  if (rules.type.case === undefined) return implicit;
  const expected = ruleKindOf(type);
  if (rules.type.case !== expected) {
    throw new ContractError(context.where, `${rules.type.case} rules do not fit a field of type ${expected}`);
  }
  return [...implicit, ...compileKind(rules.type, type, value, context)];
}

/** Compiles the checks that a value has without any rule of its own. `rules` may be absent. */
export function compileImplicit(
  rules: FieldRules | undefined,
  type: ValueType,
  value: string,
  context: ValueContext,
): Check[] {
  const isText = type.kind === 'scalar' && type.scalar === ScalarType.STRING;
  if (isText) return context.isRequest ? compileNul(rules, value, context) : [];
  return compileValidTime(type, value);
}

/**
 * Compiles the check that a time is valid: a Timestamp can hold more seconds than its definition allows, and ts-proto turns
 * most of them into an invalid Date. protovalidate does not check that.
 */
function compileValidTime(type: ValueType, value: string): Check[] {
  if (type.kind !== 'message' || type.message.typeName !== 'google.protobuf.Timestamp') return [];
  const time = `${value}.getTime()`;
  const broken = `!(${time} >= ${Date.parse('0001-01-01T00:00:00Z')} && ${time} <= ${Date.parse('9999-12-31T23:59:59.999Z')})`;
  return [{ broken, description: 'must be a time from the year 1 to the year 9999' }];
}

function compileKind(rules: FieldRules['type'], type: ValueType, value: string, context: RuleContext): Check[] {
  const option = FieldRulesSchema.fields.find((field) => field.localName === rules.case);
  if (option?.message === undefined) return [];
  const schema = option.message;
  switch (rules.case) {
    case 'string':
      return compileRules(schema, rules.value, stringRules, value, context);
    case 'bytes':
      return compileRules(schema, rules.value, bytesRules, value, context);
    case 'bool':
      return compileRules(schema, rules.value, boolRules, value, context);
    case 'enum':
      return type.kind === 'enum' ? compileRules(schema, rules.value, enumRules(type.enum), value, context) : [];
    case 'repeated':
      return compileRules(schema, rules.value, listRules, value, context);
    case 'map':
      return type.kind === 'map' ? compileRules(schema, rules.value, mapRules, type.size, context) : [];
    case 'timestamp':
      return compileRules(schema, rules.value, timestampRules, `${value}.getTime()`, context);
    case 'duration': {
      const nanoseconds = `${context.runtime('nanoseconds', 'value-checks')}(${value})`;
      return compileRules(schema, rules.value, durationRules, nanoseconds, context);
    }
    case 'any':
    case 'fieldMask':
    case undefined:
      throw unsupported(context.where, option.name);
    default:
      return compileRules(schema, rules.value, numberRules, value, context);
  }
}

/** Returns the rules that fit a type, by their field in `buf.validate.FieldRules`. */
function ruleKindOf(type: ValueType): string {
  switch (type.kind) {
    case 'scalar':
      return ScalarType[type.scalar].toLowerCase();
    case 'enum':
      return 'enum';
    case 'list':
      return 'repeated';
    case 'map':
      return 'map';
    case 'message':
      return messageRuleKinds[type.message.typeName] ?? 'message';
  }
}

const messageRuleKinds: Readonly<Record<string, string>> = {
  'google.protobuf.Any': 'any',
  'google.protobuf.Duration': 'duration',
  'google.protobuf.FieldMask': 'fieldMask',
  'google.protobuf.Timestamp': 'timestamp',
};

function rejectExpressions(rules: FieldRules, where: string): void {
  if (rules.cel.length > 0) throw unsupported(where, 'cel');
  if (rules.celExpression.length > 0) throw unsupported(where, 'cel_expression');
}
