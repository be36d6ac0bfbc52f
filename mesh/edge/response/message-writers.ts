import type { DescField, DescMessage, Registry } from '@bufbuild/protobuf';
import {
  type Any,
  anyUnpack,
  FeatureSet_FieldPresence,
  hasCustomJsonRepresentation,
  isWrapperDesc,
} from '@bufbuild/protobuf/wkt';
import { isPlainStruct, isUnwrapped, type LocalMessage } from '../json/local-values.ts';
import { enumWriter, scalarWriter, type TextWriter } from './scalar-text.ts';
import { wellKnownWriter } from './well-known-text.ts';

/** Writes the member of a JSON object for a field, `"name":value`. `undefined`: the field is not set. */
type MemberWriter = (message: LocalMessage) => string | undefined;

/**
 * The writers of message types as JSON, compiled when first used. They give the JSON mapping of protobuf with all fields:
 * only one that has presence is left out when it is not set.
 */
export class MessageWriters {
  readonly #registry: Registry;
  readonly #writers = new Map<string, TextWriter>();

  /** `registry` has the types that a `google.protobuf.Any` may pack. */
  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** Returns the writer of a message type. */
  of(type: DescMessage): TextWriter {
    const known = this.#writers.get(type.typeName);
    if (known !== undefined) return known;
    const writer = this.#compile(type);
    this.#writers.set(type.typeName, writer);
    return writer;
  }

  /** Returns the writer of the value that a message has for a field. */
  ofField(field: DescField): TextWriter {
    if (field.fieldKind === 'list') return listWriter(this.#valueWriter(field));
    if (field.fieldKind === 'map') return mapWriter(this.#valueWriter(field));
    return this.#valueWriter(field);
  }

  #compile(type: DescMessage): TextWriter {
    const [wrapped] = isWrapperDesc(type) ? type.fields : [];
    if (wrapped?.scalar !== undefined) {
      const write = scalarWriter(wrapped.scalar);
      return (message) => write((message as LocalMessage)[wrapped.localName]);
    }
    if (type.typeName === 'google.protobuf.Any') return (message) => this.#anyText(message as Any);
    return wellKnownWriter(type) ?? objectWriter(type.fields.map((field) => this.#memberWriter(field)));
  }

  #memberWriter(field: DescField): MemberWriter {
    const { localName, oneof } = field;
    const key = `${JSON.stringify(field.jsonName)}:`;
    const write = this.ofField(field);
    if (oneof !== undefined) {
      return (message) => {
        const member = message[oneof.localName] as { readonly case?: string; readonly value?: unknown };
        return member.case === localName ? key + write(member.value) : undefined;
      };
    }
    if (field.presence === FeatureSet_FieldPresence.IMPLICIT) return (message) => key + write(message[localName]);
    return (message) => {
      const value = Object.hasOwn(message, localName) ? message[localName] : undefined;
      return value === undefined ? undefined : key + write(value);
    };
  }

  #valueWriter(field: DescField): TextWriter {
    if (field.enum !== undefined) return enumWriter(field.enum);
    if (field.scalar !== undefined) return scalarWriter(field.scalar);
    const type = field.message;
    if (type === undefined) throw new Error(`${field} has no type`);
    if (isPlainStruct(field)) return (value) => JSON.stringify(value);
    const [wrapped] = isUnwrapped(field) ? type.fields : [];
    if (wrapped?.scalar !== undefined) return scalarWriter(wrapped.scalar);
    // Compiled when the first value is written, so a type may contain itself.
    let write: TextWriter | undefined;
    return (value) => {
      write ??= this.of(type);
      return write(value);
    };
  }

  #anyText(any: Any): string {
    if (any.typeUrl === '') return '{}';
    const member = `"@type":${JSON.stringify(any.typeUrl)}`;
    const message = anyUnpack(any, this.#registry);
    const type = message && this.#registry.getMessage(message.$typeName);
    // The answer has more than this message, so an unknown type is no reason to fail: its bytes are shown.
    if (type === undefined) return `{${member},"value":"${Buffer.from(any.value).toString('base64')}"}`;
    const text = this.of(type)(message);
    if (hasCustomJsonRepresentation(type)) return `{${member},"value":${text}}`;
    return text === '{}' ? `{${member}}` : `{${member},${text.slice(1)}`;
  }
}

function objectWriter(members: readonly MemberWriter[]): TextWriter {
  return (message) => {
    let text = '';
    for (const write of members) {
      const member = write(message as LocalMessage);
      if (member !== undefined) text += text === '' ? member : `,${member}`;
    }
    return `{${text}}`;
  };
}

function listWriter(writeItem: TextWriter): TextWriter {
  return (items) => {
    let text = '';
    for (const item of items as readonly unknown[]) text += text === '' ? writeItem(item) : `,${writeItem(item)}`;
    return `[${text}]`;
  };
}

function mapWriter(writeValue: TextWriter): TextWriter {
  return (entries) => {
    let text = '';
    for (const [key, value] of Object.entries(entries as Readonly<Record<string, unknown>>)) {
      text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${writeValue(value)}`;
    }
    return `{${text}}`;
  };
}
