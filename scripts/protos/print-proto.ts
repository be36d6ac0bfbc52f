import {
  type DescriptorProto,
  type DescriptorProto_ExtensionRange,
  type DescriptorProto_ReservedRange,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  type FileDescriptorProto,
  type FileOptions,
} from '@bufbuild/protobuf/wkt';

const maxFieldNumber = 536_870_911;

/**
 * Prints a proto2 or proto3 file descriptor as `.proto` source with the same messages, fields, numbers, enums and
 * extensions. Omits comments, services, and the options of fields, messages and enums.
 */
export function printProto(file: FileDescriptorProto): string {
  const isProto3 = file.syntax === 'proto3';
  const lines = [
    `syntax = "${isProto3 ? 'proto3' : 'proto2'}";`,
    `package ${file.package};`,
    ...file.dependency.map((path) => `import "${path}";`),
    ...printFileOptions(file.options),
    ...file.extension.flatMap((field) => [`extend ${field.extendee} {`, ...indent([printField(field, isProto3)]), '}']),
    ...file.enumType.flatMap(printEnum),
    ...file.messageType.flatMap((message) => printMessage(message, isProto3)),
  ];
  return `${lines.join('\n')}\n`;
}

function printFileOptions(options: FileOptions | undefined): string[] {
  if (options === undefined) return [];
  const printed: string[] = [];
  if (options.goPackage !== '') printed.push(`option go_package = "${options.goPackage}";`);
  if (options.javaPackage !== '') printed.push(`option java_package = "${options.javaPackage}";`);
  if (options.javaOuterClassname !== '') printed.push(`option java_outer_classname = "${options.javaOuterClassname}";`);
  if (options.javaMultipleFiles) printed.push('option java_multiple_files = true;');
  return printed;
}

function printMessage(message: DescriptorProto, isProto3: boolean): string[] {
  const plain = message.field.filter((field) => !isOneofMember(field));
  const oneofs = message.oneofDecl.map((oneof, index) => ({
    name: oneof.name,
    members: message.field.filter((field) => isOneofMember(field) && field.oneofIndex === index),
  }));
  return [
    `message ${message.name} {`,
    ...indent([
      ...message.enumType.flatMap(printEnum),
      ...message.nestedType.flatMap((nested) => printMessage(nested, isProto3)),
      ...plain.map((field) => printField(field, isProto3)),
      ...oneofs
        .filter((oneof) => oneof.members.length > 0)
        .flatMap((oneof) => [`oneof ${oneof.name} {`, ...indent(oneof.members.map(printUnlabelled)), '}']),
      ...message.extensionRange.map((range) => `extensions ${printRange(range)};`),
      ...message.reservedRange.map((range) => `reserved ${printRange(range)};`),
      ...message.reservedName.map((name) => `reserved "${name}";`),
    ]),
    '}',
  ];
}

function printEnum(type: EnumDescriptorProto): string[] {
  const alias = type.options?.allowAlias ? ['option allow_alias = true;'] : [];
  return [
    `enum ${type.name} {`,
    ...indent([
      ...alias,
      ...type.value.map((value) => `${value.name} = ${value.number};`),
      // Unlike a message's, an enum's reserved range includes its end.
      ...type.reservedRange.map((range) => `reserved ${range.start} to ${range.end};`),
      ...type.reservedName.map((name) => `reserved "${name}";`),
    ]),
    '}',
  ];
}

/** Proto3 `optional` is a synthetic oneof in the descriptor, but a label in the source. */
function isOneofMember(field: FieldDescriptorProto): boolean {
  return Object.hasOwn(field, 'oneofIndex') && !field.proto3Optional;
}

function printField(field: FieldDescriptorProto, isProto3: boolean): string {
  const isPlain = isProto3 && !field.proto3Optional && field.label === FieldDescriptorProto_Label.OPTIONAL;
  return isPlain ? printUnlabelled(field) : `${printLabel(field.label)} ${printUnlabelled(field)}`;
}

function printUnlabelled(field: FieldDescriptorProto): string {
  return `${printType(field)} ${field.name} = ${field.number};`;
}

function printLabel(label: FieldDescriptorProto_Label): string {
  return FieldDescriptorProto_Label[label]?.toLowerCase() ?? 'optional';
}

function printType(field: FieldDescriptorProto): string {
  if (field.typeName !== '') return field.typeName;
  const name = FieldDescriptorProto_Type[field.type];
  if (name === undefined) throw new Error(`cannot print field ${field.name}: unknown type ${field.type}`);
  return name.toLowerCase();
}

function printRange({ start, end }: DescriptorProto_ExtensionRange | DescriptorProto_ReservedRange): string {
  const last = end - 1;
  return last === start ? `${start}` : `${start} to ${last === maxFieldNumber ? 'max' : last}`;
}

function indent(lines: string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
