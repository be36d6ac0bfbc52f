import { type DescField, getOption } from '@bufbuild/protobuf';
import { type FieldRules, field as fieldOption, Ignore } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { accessField, mapSize } from './access.ts';
import { compileEntries, compileItems, compileNested, type FieldContext } from './elements.ts';
import { quote } from './generated-module.ts';
import { block, guard, report } from './statements.ts';
import { compileValueRules, singleValueType, type ValueType } from './value.ts';

/** The statements that check one field of `message` and what is inside it; none when it has no rules. */
export function compileField(field: DescField, context: FieldContext): string[] {
  const rules = getOption(field, fieldOption);
  if (rules.ignore === Ignore.ALWAYS) return [];
  const type = fieldType(field);
  const access = accessField(field, type);
  const path = quote(field.name);
  const isSkippable = access.hasPresence || rules.ignore === Ignore.IF_ZERO_VALUE;
  const isNeverZero = !access.hasPresence && (rules.required || isSkippable);
  const tests = compileValueRules(rules, type, access.value, context);
  const checks = isNeverZero ? tests.map(({ broken, description }) => ({ broken, description })) : tests;
  const inner = compileInside(field, rules, type, access.value, context);
  if (rules.required) {
    const isMissing = { broken: access.absent, description: 'is required' };
    const body = guard(undefined, checks, path, inner);
    return [report(isMissing, path), ...(body.length > 0 ? block('else', body) : [])];
  }
  return guard(isSkippable ? access.present : undefined, checks, path, inner);
}

function fieldType(field: DescField): ValueType {
  if (field.fieldKind === 'list') return { kind: 'list' };
  return field.fieldKind === 'map' ? { kind: 'map', size: mapSize(field) } : singleValueType(field);
}

function compileInside(
  field: DescField,
  rules: FieldRules,
  type: ValueType,
  value: string,
  context: FieldContext,
): string[] {
  switch (field.fieldKind) {
    case 'list':
      return compileItems(field, rules.type.case === 'repeated' ? rules.type.value : undefined, value, context);
    case 'map':
      return compileEntries(field, rules.type.case === 'map' ? rules.type.value : undefined, value, context);
    default:
      return compileNested(type, value, quote(field.name), context);
  }
}
