import { type DescField, type DescMessage, getOption, ScalarType } from '@bufbuild/protobuf';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';
import { type FieldRules, field as fieldOption, Ignore } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { accessField, isLong, zeroConditions } from './access.ts';
import { type Check, type RuleContext, unsupported } from './check.ts';
import { indent, quote } from './generated-module.ts';
import { propertyName } from './names.ts';
import { compileValueRules, singleValueType, type ValueType } from './value.ts';

/** What a field needs to know of the messages around it. */
export interface FieldContext extends RuleContext {
  /** The name of the function that checks a message, imported where it is in another file; `undefined`: no rules. */
  readonly checkOf: (message: DescMessage) => string | undefined;
}

/** The statements that check one field of `message` and what is inside it; none when it has no rules. */
export function compileField(field: DescField, context: FieldContext): string[] {
  const rules = getOption(field, fieldOption);
  if (rules.ignore === Ignore.ALWAYS) return [];
  const type = fieldType(field);
  const access = accessField(field, type);
  const path = quote(field.name);
  const checks = compileValueRules(rules, type, access.value, context);
  const inner = compileInside(field, rules, type, access.value, context);
  if (rules.required) {
    const isMissing = { broken: access.absent, description: 'is required' };
    const body = [...checks.map((check) => report(check, path)), ...inner];
    return [report(isMissing, path), ...(body.length > 0 ? block('else', body) : [])];
  }
  const isSkippable = access.hasPresence || rules.ignore === Ignore.IF_ZERO_VALUE;
  return guard(isSkippable ? access.present : undefined, checks, path, inner);
}

function fieldType(field: DescField): ValueType {
  if (field.fieldKind === 'list') return { kind: 'list' };
  if (field.fieldKind !== 'map') return singleValueType(field);
  const value = `message.${propertyName(field)}`;
  return { kind: 'map', size: isMapObject(field.mapKey) ? `Object.keys(${value}).length` : `${value}.size` };
}

/** Ts-proto makes a map an object, unless an object cannot have its keys. */
function isMapObject(key: ScalarType): boolean {
  return key !== ScalarType.BOOL && !isLong(key);
}

function compileInside(
  field: DescField,
  rules: FieldRules,
  type: ValueType,
  value: string,
  context: FieldContext,
): string[] {
  if (field.fieldKind === 'list') return compileItems(field, rules, value, context);
  if (field.fieldKind === 'map') return compileEntries(field, rules, value, context);
  return compileNested(type, value, quote(field.name), context);
}

function compileItems(field: DescField, rules: FieldRules, value: string, context: FieldContext): string[] {
  const itemRules = rules.type.case === 'repeated' ? rules.type.value.items : undefined;
  if (itemRules !== undefined && field.message !== undefined && isWrapperDesc(field.message)) {
    throw unsupported(context.where, 'repeated.items of a wrapper');
  }
  const where = { ...context, where: `${context.where}[]` };
  const body = compileElement(itemRules, singleValueType(field), 'item', `\`${field.name}[\${index}]\``, where);
  return body.length > 0 ? [`${value}.forEach((item, index) => {`, ...indent(body), '});'] : [];
}

function compileEntries(field: DescField, rules: FieldRules, value: string, context: FieldContext): string[] {
  if (field.fieldKind !== 'map') return [];
  const { keys, values } = rules.type.case === 'map' ? rules.type.value : {};
  const isText = field.mapKey === ScalarType.STRING;
  const isObject = isMapObject(field.mapKey);
  const subscript = isText ? `\${${context.runtime('quoteKey', 'value-checks')}(key)}` : '[$' + '{key}]';
  const path = `\`${field.name}${subscript}\``;
  const key = isObject && !isText ? 'Number(key)' : 'key';
  const keyContext = { ...context, where: `${context.where} (keys)` };
  const valueContext = { ...context, where: `${context.where} (values)` };
  const body = [
    ...compileElement(keys, { kind: 'scalar', scalar: field.mapKey }, key, path, keyContext),
    ...compileElement(values, singleValueType(field), 'value', path, valueContext),
  ];
  if (body.length === 0) return [];
  const usesValue = body.some((line) => /\bvalue\b/.test(line));
  return block(
    `for (const [key${usesValue ? ', value' : ''}] of ${isObject ? `Object.entries(${value})` : value})`,
    body,
  );
}

/** The statements for one item, key or value. */
function compileElement(
  rules: FieldRules | undefined,
  type: ValueType,
  value: string,
  path: string,
  context: FieldContext,
): string[] {
  if (rules?.ignore === Ignore.ALWAYS) return [];
  if (rules?.required) throw unsupported(context.where, 'required');
  const checks = rules === undefined ? [] : compileValueRules(rules, type, value, context);
  const skipsZero = rules?.ignore === Ignore.IF_ZERO_VALUE && type.kind !== 'message';
  const condition = skipsZero ? zeroConditions(type, value).present : undefined;
  return guard(condition, checks, path, compileNested(type, value, path, context));
}

function compileNested(type: ValueType, value: string, path: string, context: FieldContext): string[] {
  const check = type.kind === 'message' ? context.checkOf(type.message) : undefined;
  if (check === undefined) return [];
  return [
    'const from = out.length;',
    `${check}(${value}, out);`,
    `if (out.length > from) ${context.runtime('prefixFields', 'value-checks')}(out, from, ${path});`,
  ];
}

function guard(
  condition: string | undefined,
  checks: readonly Check[],
  path: string,
  inner: readonly string[],
): string[] {
  const [only, ...others] = checks;
  const body = [...checks.map((check) => report(check, path)), ...inner];
  if (condition === undefined || body.length === 0) return body;
  if (only !== undefined && others.length === 0 && inner.length === 0) {
    return [report({ ...only, broken: `${condition} && ${only.broken}` }, path)];
  }
  return block(`if (${condition})`, body);
}

function report({ broken, description }: Check, path: string): string {
  return `if (${broken}) out.push({ field: ${path}, description: ${quote(description)} });`;
}

function block(head: string, body: readonly string[]): string[] {
  return [`${head} {`, ...indent(body), '}'];
}
