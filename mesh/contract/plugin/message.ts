import { type DescField, type DescMessage, type DescOneof, getOption, hasOption } from '@bufbuild/protobuf';
import {
  type FieldRules,
  field as fieldOption,
  Ignore,
  message as messageOption,
  oneof as oneofOption,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { accessField, mapSize } from './access.ts';
import { unsupported } from './check.ts';
import { compileEntries, compileItems, compileNested, type FieldContext } from './elements.ts';
import { indent, quote } from './generated-module.ts';
import { propertyName, typeName } from './names.ts';
import { block, guard, report } from './statements.ts';
import { compileValueRules, singleValueType, type ValueType } from './value.ts';

/** Returns the name of the function that appends a message's violations to a list. */
export function checkName(message: DescMessage): string {
  return `check${typeName(message)}`;
}

/** Returns the name of the function that returns a message's violations. */
export function validateName(message: DescMessage): string {
  return `validate${typeName(message)}`;
}

/** Returns the statements that check `message` and append to `out`; none if it has no rules. */
export function compileMessage(message: DescMessage, context: Omit<FieldContext, 'where'>): string[] {
  const where = `${message.file.name}.proto: ${message.typeName}`;
  rejectMessageRules(message, where);
  return message.members.flatMap((member) => {
    const memberContext = { ...context, where: `${where}.${member.name}` };
    return member.kind === 'oneof' ? compileOneof(member, memberContext) : compileField(member, memberContext);
  });
}

/** Prints the two functions that check a message. */
export function printMessage(
  message: DescMessage,
  type: string,
  violations: string,
  body: readonly string[],
): string[] {
  return [
    `/** Returns every broken rule of ${message.typeName}, in field order. */`,
    `export function ${validateName(message)}(message: ${type}): ${violations}[] {`,
    `  const out: ${violations}[] = [];`,
    `  ${checkName(message)}(message, out);`,
    '  return out;',
    '}',
    '',
    `/** Appends every broken rule of ${message.typeName} to \`out\`. */`,
    `export function ${checkName(message)}(message: ${type}, out: ${violations}[]): void {`,
    ...indent(body),
    '}',
    '',
  ];
}

function compileOneof(oneof: DescOneof, context: FieldContext): string[] {
  const isUnset = `message.${propertyName(oneof)} === undefined`;
  const names = oneof.fields.map(({ name }) => name).join(', ');
  const missing = `{ field: ${quote(oneof.name)}, description: ${quote(`exactly one of the fields ${names} must be set`)} }`;
  const required = getOption(oneof, oneofOption).required ? [`if (${isUnset}) out.push(${missing});`] : [];
  return [...required, ...oneof.fields.flatMap((field) => compileMember(field, context))];
}

function compileMember(field: DescField, context: FieldContext): string[] {
  return compileField(field, {
    ...context,
    where: `${field.parent.file.name}.proto: ${field.parent.typeName}.${field.name}`,
  });
}

function rejectMessageRules(message: DescMessage, where: string): void {
  if (!hasOption(message, messageOption)) return;
  const { cel, celExpression, oneof } = getOption(message, messageOption);
  if (cel.length > 0) throw unsupported(where, 'message.cel');
  if (celExpression.length > 0) throw unsupported(where, 'message.cel_expression');
  if (oneof.length > 0) throw unsupported(where, 'message.oneof');
}

/** Returns the statements that check a field of `message` and what is inside it; none if it has no rules. */
function compileField(field: DescField, context: FieldContext): string[] {
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
