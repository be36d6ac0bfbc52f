import { fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';

/** A proto file as it is sent to callers. */
export interface IndexedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly imports: readonly string[];
}

/** An index of a set of proto files. Names are fully qualified, without a leading dot. */
export interface DescriptorIndex {
  readonly filesByName: ReadonlyMap<string, IndexedFile>;
  /** By each message, field, oneof, enum, enum value, extension, service and method that a file declares. */
  readonly filesBySymbol: ReadonlyMap<string, IndexedFile>;
  /** By extended message, then by field number. */
  readonly extensions: ReadonlyMap<string, ReadonlyMap<number, IndexedFile>>;
  readonly messages: ReadonlySet<string>;
  readonly services: ReadonlySet<string>;
}

/** Indexes a serialized `google.protobuf.FileDescriptorSet`. Throws if it is not a valid one. */
export function indexDescriptors(descriptorSet: Uint8Array): DescriptorIndex {
  const filesByName = new Map<string, IndexedFile>();
  const filesBySymbol = new Map<string, IndexedFile>();
  const extensions = new Map<string, Map<number, IndexedFile>>();
  const messages = new Set<string>();
  const services = new Set<string>();

  for (const proto of fromBinary(FileDescriptorSetSchema, descriptorSet).file) {
    const file = { name: proto.name, bytes: toBinary(FileDescriptorProtoSchema, proto), imports: proto.dependency };
    filesByName.set(file.name, file);
    walk(proto, {
      symbol: (name) => filesBySymbol.set(name, file),
      message: (name) => messages.add(name),
      service: (name) => services.add(name),
      extension: ({ extendee, number }) => {
        const extended = extendee.replace(/^\./, '');
        extensions.set(extended, (extensions.get(extended) ?? new Map<number, IndexedFile>()).set(number, file));
      },
    });
  }
  return { filesByName, filesBySymbol, extensions, messages, services };
}

interface Visitor {
  symbol(name: string): void;
  message(name: string): void;
  service(name: string): void;
  extension(field: FieldDescriptorProto): void;
}

function walk(file: FileDescriptorProto, visitor: Visitor): void {
  for (const message of file.messageType) walkMessage(message, file.package, visitor);
  for (const type of file.enumType) walkEnum(type, file.package, visitor);
  walkExtensions(file.extension, file.package, visitor);
  for (const service of file.service) {
    const name = qualified(file.package, service.name);
    visitor.symbol(name);
    visitor.service(name);
    for (const method of service.method) visitor.symbol(qualified(name, method.name));
  }
}

function walkMessage(message: DescriptorProto, scope: string, visitor: Visitor): void {
  const name = qualified(scope, message.name);
  visitor.symbol(name);
  visitor.message(name);
  for (const member of [...message.field, ...message.oneofDecl]) visitor.symbol(qualified(name, member.name));
  for (const nested of message.nestedType) walkMessage(nested, name, visitor);
  for (const type of message.enumType) walkEnum(type, name, visitor);
  walkExtensions(message.extension, name, visitor);
}

function walkEnum(type: EnumDescriptorProto, scope: string, visitor: Visitor): void {
  visitor.symbol(qualified(scope, type.name));
  // Enum values are siblings of their enum, as in C++.
  for (const value of type.value) visitor.symbol(qualified(scope, value.name));
}

function walkExtensions(fields: readonly FieldDescriptorProto[], scope: string, visitor: Visitor): void {
  for (const field of fields) {
    visitor.symbol(qualified(scope, field.name));
    visitor.extension(field);
  }
}

function qualified(scope: string, name: string): string {
  return scope === '' ? name : `${scope}.${name}`;
}
