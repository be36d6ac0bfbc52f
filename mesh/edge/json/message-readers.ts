import { create, type DescField, type DescMessage, type Message, type Registry } from '@bufbuild/protobuf';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';
import { JsonObject } from '../../json/json-node.ts';
import { fieldsByName } from './field-names.ts';
import { compileFieldReader, type FieldReader } from './field-reader.ts';
import { scalarReader } from './scalars.ts';
import { invalid, refuse, type ValueReader } from './value-reader.ts';
import { anyReader, wellKnownReader } from './well-known.ts';

/**
 * The readers of message types from JSON, compiled when first used. They are stricter than the JSON mapping of protobuf asks
 * for: a field that is not in the contract, or is given twice, is a fault.
 */
export class MessageReaders {
  readonly #registry: Registry;
  readonly #readers = new Map<string, ValueReader<Message>>();
  readonly #fieldReaders = new Map<DescField, FieldReader>();

  /** `registry` has the types that a `google.protobuf.Any` may pack. */
  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** Returns the reader of a message type. */
  of(type: DescMessage): ValueReader<Message> {
    return this.#readers.get(type.typeName) ?? this.#compile(type);
  }

  /** Returns the reader of a field. */
  ofField(field: DescField): FieldReader {
    const known = this.#fieldReaders.get(field);
    if (known !== undefined) return known;
    // A message type is compiled when its first value is read, so it may contain itself.
    const reader = compileFieldReader(field, (type) => this.of(type));
    this.#fieldReaders.set(field, reader);
    return reader;
  }

  #compile(type: DescMessage): ValueReader<Message> {
    const reader = this.#wellKnown(type);
    if (reader !== undefined) {
      this.#readers.set(type.typeName, reader);
      return reader;
    }
    const fields = new Map<string, FieldReader>();
    for (const [name, field] of fieldsByName(type)) fields.set(name, this.ofField(field));
    const read = messageReader(type, fields);
    this.#readers.set(type.typeName, read);
    return read;
  }

  #wellKnown(type: DescMessage): ValueReader<Message> | undefined {
    if (type.typeName === 'google.protobuf.Any') return anyReader(this.#registry, (packed) => this.of(packed));
    return isWrapperDesc(type) ? wrapperReader(type) : wellKnownReader(type);
  }
}

/** Reads a wrapper type outside of a field that keeps the value alone: in a list, a map, a oneof or an `Any`. */
function wrapperReader(type: DescMessage): ValueReader<Message> {
  const [field] = type.fields;
  if (field?.scalar === undefined) throw new Error(`${type.typeName} has no scalar`);
  const read = scalarReader(field.scalar, false);
  return (node, faults) => {
    const value = read(node, faults);
    return value === invalid ? value : create(type, { value });
  };
}

function messageReader(type: DescMessage, fields: ReadonlyMap<string, FieldReader>): ValueReader<Message> {
  return (node, faults) => {
    if (!(node instanceof JsonObject)) return refuse(faults, 'an object', node);
    const message = create(type);
    const seen: FieldReader[] = [];
    for (let index = 0; index < node.keys.length; index += 1) {
      const key = node.keys[index] ?? '';
      const reader = fields.get(key);
      if (reader === undefined) {
        faults.add(key, `is not a field of ${type.typeName}`);
      } else if (seen.includes(reader)) {
        faults.add(reader.field.name, 'is given more than once');
      } else {
        seen.push(reader);
        reader.read(message, node.values[index] ?? null, faults);
      }
    }
    return message;
  };
}
