import { type DescField, type DescMessage, isFieldSet, ScalarType } from '@bufbuild/protobuf';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';
import {
  type FieldRules,
  Ignore,
  type MapRules,
  MapRulesSchema,
  type RepeatedRules,
  RepeatedRulesSchema,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { isMapObject, mapSize, zeroConditions } from './access.ts';
import { unsupported } from './check.ts';
import { indent } from './generated-module.ts';
import { block, guard } from './statements.ts';
import { compileImplicit, compileValueRules, singleValueType, type ValueContext, type ValueType } from './value.ts';

/** The context of the rules of a field and of what is inside it. */
export interface FieldContext extends ValueContext {
  /** Returns the name of the function that checks a message, imported if it is in another file; `undefined`: no rules. */
  readonly checkOf: (message: DescMessage) => string | undefined;
}

type ListField = DescField & { fieldKind: 'list' };
type MapField = DescField & { fieldKind: 'map' };

/**
 * Returns the statements that check each item of a list. The items of a list that is too long are not checked, so a request
 * cannot cause more work and violations than its contract allows.
 */
export function compileItems(
  field: ListField,
  rules: RepeatedRules | undefined,
  list: string,
  context: FieldContext,
): string[] {
  if (rules?.items !== undefined && field.message !== undefined && isWrapperDesc(field.message)) {
    throw unsupported(context.where, 'repeated.items of a wrapper');
  }
  const item = { ...context, where: `${context.where}[]` };
  const body = compileElement(rules?.items, singleValueType(field), 'item', `\`${field.name}[\${index}]\``, item);
  if (body.length === 0) return [];
  const loop = [`${list}.forEach((item, index) => {`, ...indent(body), '});'];
  const isBounded = rules !== undefined && isFieldSet(rules, RepeatedRulesSchema.field.maxItems);
  return isBounded ? block(`if (${list}.length <= ${rules.maxItems})`, loop) : loop;
}

/** Returns the statements that check each key and value of a map, unless it has too many. */
export function compileEntries(
  field: MapField,
  rules: MapRules | undefined,
  map: string,
  context: FieldContext,
): string[] {
  const isText = field.mapKey === ScalarType.STRING;
  const isObject = isMapObject(field);
  const quoteKey = context.runtime('quoteKey', 'value-checks');
  const path = isText ? `'${field.name}' + ${quoteKey}(key)` : `'${field.name}[' + key + ']'`;
  const key = isObject && !isText ? 'Number(key)' : 'key';
  const keyType = { kind: 'scalar', scalar: field.mapKey } as const;
  const keyBody = compileElement(rules?.keys, keyType, key, path, { ...context, where: `${context.where} (keys)` });
  const values = { ...context, where: `${context.where} (values)` };
  const valueBody = compileElement(rules?.values, singleValueType(field), 'value', path, values);
  if (keyBody.length + valueBody.length === 0) return [];
  const entry = valueBody.length > 0 ? '[key, value]' : '[key]';
  const loop = block(`for (const ${entry} of ${isObject ? `Object.entries(${map})` : map})`, [
    ...keyBody,
    ...valueBody,
  ]);
  const isBounded = rules !== undefined && isFieldSet(rules, MapRulesSchema.field.maxPairs);
  return isBounded ? block(`if (${mapSize(field)} <= ${rules.maxPairs})`, loop) : loop;
}

/** Returns the statements that check a message with the function of its type. */
export function compileNested(type: ValueType, value: string, path: string, context: FieldContext): string[] {
  const check = type.kind === 'message' ? context.checkOf(type.message) : undefined;
  if (check === undefined) return [];
  return [
    'const from = out.length;',
    `${check}(${value}, out);`,
    `if (out.length > from) ${context.runtime('prefixFields', 'value-checks')}(out, from, ${path});`,
  ];
}

function compileElement(
  rules: FieldRules | undefined,
  type: ValueType,
  value: string,
  path: string,
  context: FieldContext,
): string[] {
  if (rules?.ignore === Ignore.ALWAYS) return [];
  if (rules?.required) throw unsupported(context.where, 'required');
  const checks =
    rules === undefined
      ? compileImplicit(undefined, type, value, context)
      : compileValueRules(rules, type, value, context);
  const skipsZero = rules?.ignore === Ignore.IF_ZERO_VALUE && type.kind !== 'message';
  const condition = skipsZero ? zeroConditions(type, value).present : undefined;
  return guard(condition, checks, path, compileNested(type, value, path, context));
}
