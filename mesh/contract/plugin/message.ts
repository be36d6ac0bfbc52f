import { type DescField, type DescMessage, type DescOneof, getOption, hasOption } from '@bufbuild/protobuf';
import {
  message as messageOption,
  oneof as oneofOption,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { unsupported } from './check.ts';
import type { FieldContext } from './elements.ts';
import { compileField } from './field.ts';
import { indent, quote } from './generated-module.ts';
import { propertyName, typeName } from './names.ts';

/** The name of the function that appends a message's violations to a list. */
export function checkName(message: DescMessage): string {
  return `check${typeName(message)}`;
}

/** The name of the function that returns a message's violations. */
export function validateName(message: DescMessage): string {
  return `validate${typeName(message)}`;
}

/** The statements that check `message` and append to `out`; none when it has no rules. */
export function compileMessage(message: DescMessage, context: Omit<FieldContext, 'where'>): string[] {
  const where = `${message.file.name}.proto: ${message.typeName}`;
  rejectMessageRules(message, where);
  return message.members.flatMap((member) => {
    const memberContext = { ...context, where: `${where}.${member.name}` };
    return member.kind === 'oneof' ? compileOneof(member, memberContext) : compileField(member, memberContext);
  });
}

/** The two functions that check a message, from its statements. */
export function printMessage(
  message: DescMessage,
  type: string,
  violations: string,
  body: readonly string[],
): string[] {
  return [
    `/** Every broken rule of ${message.typeName}, in field order. */`,
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
