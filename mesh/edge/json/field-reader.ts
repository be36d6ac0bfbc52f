import { type DescField, type DescMessage, type Message, ScalarType } from '@bufbuild/protobuf';
import { isJsonArray, type JsonNode, JsonObject } from '../../json/json-node.ts';
import type { Faults } from './faults.ts';
import { isPlainStruct, isUnwrapped, type LocalMessage, otherMember, setLocal } from './local-values.ts';
import { keyPath, readPlainObject } from './plain-json.ts';
import { enumReader, scalarReader } from './scalars.ts';
import { invalid, refuse, type ValueReader } from './value-reader.ts';

/** Reads a member of a JSON object into a field of a message. Faults have the path of the field. */
export interface FieldReader {
  readonly field: DescField;
  read(message: Message, node: JsonNode, faults: Faults): void;
}

type ReaderOf = (type: DescMessage) => ValueReader<Message>;
type ListField = DescField & { fieldKind: 'list' };
type MapField = DescField & { fieldKind: 'map' };

/** Compiles the reader of a field. `readerOf` returns the reader of a message type; it is used when a value is read. */
export function compileFieldReader(field: DescField, readerOf: ReaderOf): FieldReader {
  const readValue = compileValueReader(field, readerOf);
  const readsNull = acceptsNull(field) && field.fieldKind !== 'list' && field.fieldKind !== 'map';
  const read = compileRead(field, readValue);
  return {
    field,
    read(message, node, faults) {
      // Null is "not set", whatever the type.
      if (node === null && !readsNull) return;
      const from = faults.count;
      read(message, node, faults);
      if (faults.count > from) faults.prefix(from, field.name);
    },
  };
}

function compileRead(field: DescField, readValue: ValueReader): FieldReader['read'] {
  if (field.fieldKind === 'list') return compileListRead(field, readValue);
  if (field.fieldKind === 'map') return compileMapRead(field, readValue);
  if (field.oneof !== undefined) return compileMemberRead(field, readValue);
  const { localName } = field;
  return (message, node, faults) => {
    const value = readValue(node, faults);
    if (value !== invalid) (message as LocalMessage)[localName] = value;
  };
}

function compileMemberRead(field: DescField, readValue: ValueReader): FieldReader['read'] {
  return (message, node, faults) => {
    const other = otherMember(message, field);
    if (other !== undefined) {
      faults.add('', `cannot be set together with ${other}`);
      return;
    }
    const value = readValue(node, faults);
    if (value !== invalid) setLocal(message, field, value);
  };
}

function compileListRead(field: ListField, readItem: ValueReader): FieldReader['read'] {
  const readsNull = acceptsNull(field);
  return (message, node, faults) => {
    if (!isJsonArray(node)) {
      refuse(faults, 'an array', node);
      return;
    }
    const items = (message as LocalMessage)[field.localName] as unknown[];
    node.forEach((item, index) => {
      const from = faults.count;
      const value = item === null && !readsNull ? refuse(faults, 'a value', item) : readItem(item, faults);
      if (faults.count > from) faults.prefix(from, `[${index}]`);
      items.push(value);
    });
  };
}

function compileMapRead(field: MapField, readValue: ValueReader): FieldReader['read'] {
  const readsNull = acceptsNull(field);
  const readKey = compileKeyReader(field.mapKey);
  return (message, node, faults) => {
    if (!(node instanceof JsonObject)) {
      refuse(faults, 'an object', node);
      return;
    }
    const entries = (message as LocalMessage)[field.localName] as Record<string, unknown>;
    node.keys.forEach((text, index) => {
      const from = faults.count;
      const key = readKey(text, faults);
      if (key !== invalid) {
        const item = node.values[index] ?? null;
        const value = item === null && !readsNull ? refuse(faults, 'a value', item) : readValue(item, faults);
        if (Object.hasOwn(entries, key)) faults.add('', 'is given more than once');
        entries[key] = value;
      }
      if (faults.count > from) faults.prefix(from, keyPath(text));
    });
  };
}

/** Returns the reader of a map's keys, which gives them as the properties of an object. */
function compileKeyReader(type: ScalarType): (text: string, faults: Faults) => string | typeof invalid {
  const read = scalarReader(type, false);
  return (text, faults) => {
    if (type === ScalarType.STRING && text === '__proto__') {
      // Most JavaScript receivers would drop it.
      faults.add('', 'is a key that is not supported');
      return invalid;
    }
    const isBool = type === ScalarType.BOOL && (text === 'true' || text === 'false');
    const key = read(isBool ? text === 'true' : text, faults);
    return key === invalid ? key : String(key);
  };
}

/** Compiles the reader of one value of a field: of the item of a list, of the value of a map. */
function compileValueReader(field: DescField, readerOf: ReaderOf): ValueReader {
  if (field.enum !== undefined) return enumReader(field.enum);
  if (field.scalar !== undefined) return scalarReader(field.scalar, isLongAsString(field));
  const type = field.message;
  if (type === undefined) throw new Error(`${field} has no type`);
  if (isPlainStruct(field)) return readStruct;
  const [wrapped] = isUnwrapped(field) ? type.fields : [];
  if (wrapped?.scalar !== undefined) return scalarReader(wrapped.scalar, false);
  return (node, faults) => readerOf(type)(node, faults);
}

const readStruct: ValueReader = (node, faults) =>
  node instanceof JsonObject ? readPlainObject(node, faults) : refuse(faults, 'an object', node);

function isLongAsString(field: DescField): boolean {
  return 'longAsString' in field && field.longAsString;
}

/** Whether JSON null is a value of this field's type. */
function acceptsNull({ message, enum: type }: DescField): boolean {
  return message?.typeName === 'google.protobuf.Value' || type?.typeName === 'google.protobuf.NullValue';
}
