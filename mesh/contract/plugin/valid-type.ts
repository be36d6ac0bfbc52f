import { type DescField, type DescMessage, type DescOneof, getOption } from '@bufbuild/protobuf';
import {
  field as fieldOption,
  Ignore,
  oneof as oneofOption,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { indent } from './generated-module.ts';
import { propertyName, typeName } from './names.ts';

/** The names that a type refers to, imported. */
export interface TypeImports {
  readonly typeOf: (message: DescMessage) => string;
  readonly validTypeOf: (message: DescMessage) => string;
}

/** The name of the type that a message has once it is validated. */
export function validName(message: DescMessage): string {
  return `Valid${typeName(message)}`;
}

/** Whether validation guarantees more of a message, or of a message in it, than its type says. */
export function isNarrowed(message: DescMessage): boolean {
  return reachable(message).some(({ members }) => members.some(isRequired));
}

/** The type of a validated message: required fields and choices are never `undefined`. */
export function printValidType(message: DescMessage, imports: TypeImports): string[] {
  const type = imports.typeOf(message);
  const fields = message.members.flatMap((member) => {
    const narrowed = narrowedType(member, type, imports);
    return narrowed === undefined ? [] : [`${propertyName(member)}: ${narrowed};`];
  });
  return [
    `/** A ${message.typeName} that was validated. */`,
    `export interface ${validName(message)} extends ${type} {`,
    ...indent(fields),
    '}',
    '',
  ];
}

function narrowedType(
  member: DescField | DescOneof,
  message: string,
  { typeOf, validTypeOf }: TypeImports,
): string | undefined {
  const nested = validatedMessage(member);
  if (nested !== undefined && isNarrowed(nested)) {
    const type = validTypeOf(nested);
    if (member.kind === 'field' && member.fieldKind === 'list') return `${type}[]`;
    return isRequired(member) ? type : `${type} | undefined`;
  }
  if (!isRequired(member)) return undefined;
  const isPlainMessage = nested !== undefined && !nested.typeName.startsWith('google.protobuf.');
  return isPlainMessage ? typeOf(nested) : `NonNullable<${message}['${propertyName(member)}']>`;
}

/** Whether the member may be `undefined` in ts-proto's type, but not in a valid message. */
function isRequired(member: DescField | DescOneof): boolean {
  if (member.kind === 'oneof') return getOption(member, oneofOption).required;
  const { required, ignore } = getOption(member, fieldOption);
  const isOptional = member.fieldKind === 'message' || member.proto.proto3Optional;
  return required && ignore !== Ignore.ALWAYS && isOptional;
}

/** The message in a field, or in each item of a list, if validation checks it. Maps and choices are not narrowed. */
function validatedMessage(member: DescField | DescOneof): DescMessage | undefined {
  if (member.kind === 'oneof' || member.fieldKind === 'map') return undefined;
  const { ignore, type } = getOption(member, fieldOption);
  if (ignore === Ignore.ALWAYS) return undefined;
  if (type.case === 'repeated' && type.value.items?.ignore === Ignore.ALWAYS) return undefined;
  return member.message;
}

function reachable(message: DescMessage, found = new Set<DescMessage>()): DescMessage[] {
  if (found.has(message)) return [];
  found.add(message);
  for (const member of message.members) {
    const nested = validatedMessage(member);
    if (nested !== undefined) reachable(nested, found);
  }
  return [...found];
}
