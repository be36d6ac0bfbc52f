import { create, type DescMessage, fromJson, type Message, type Registry } from '@bufbuild/protobuf';
import {
  AnySchema,
  anyPack,
  hasCustomJsonRepresentation,
  ListValueSchema,
  StructSchema,
  ValueSchema,
} from '@bufbuild/protobuf/wkt';
import { isJsonArray, type JsonNode, JsonObject } from '../../json/json-node.ts';
import { type Faults, shorten } from './faults.ts';
import { readPlain, readPlainObject } from './plain-json.ts';
import { readDuration, readFieldMask, readTimestamp } from './times.ts';
import { invalid, refuse, type ValueReader } from './value-reader.ts';

/** The text has passed our own limit of depth; here a level of JSON counts several times. */
const deep = { recursionLimit: 1_000 };

const readValue: ValueReader<Message> = (node, faults) => {
  const plain = readPlain(node, faults);
  return plain === invalid ? plain : fromJson(ValueSchema, plain, deep);
};

const readListValue: ValueReader<Message> = (node, faults) => {
  if (!isJsonArray(node)) return refuse(faults, 'an array', node);
  const plain = readPlain(node, faults);
  return plain === invalid ? plain : fromJson(ListValueSchema, plain, deep);
};

const readStruct: ValueReader<Message> = (node, faults) => {
  if (!(node instanceof JsonObject)) return refuse(faults, 'an object', node);
  return fromJson(StructSchema, readPlainObject(node, faults), deep);
};

const withOwnJson: ReadonlyMap<string, ValueReader<Message>> = new Map([
  ['google.protobuf.Timestamp', readTimestamp],
  ['google.protobuf.Duration', readDuration],
  ['google.protobuf.FieldMask', readFieldMask],
  ['google.protobuf.Struct', readStruct],
  ['google.protobuf.Value', readValue],
  ['google.protobuf.ListValue', readListValue],
]);

/** Returns the reader of a well-known type with a JSON form of its own. `undefined` for other types; `Any` is not here. */
export function wellKnownReader(type: DescMessage): ValueReader<Message> | undefined {
  return withOwnJson.get(type.typeName);
}

const anyText = 'an object with the type of a message in "@type"';

/** Returns the reader of `google.protobuf.Any`, which packs messages of the types in the registry. */
export function anyReader(
  registry: Registry,
  readerOf: (type: DescMessage) => ValueReader<Message>,
): ValueReader<Message> {
  return (node, faults) => {
    if (!(node instanceof JsonObject)) return refuse(faults, anyText, node);
    if (node.keys.length === 0) return create(AnySchema);
    const type = readType(node, registry, faults);
    if (type === undefined) return invalid;
    const message = readerOf(type)(contentOf(node, type), faults);
    return message === invalid ? message : anyPack(type, message);
  };
}

function readType({ keys, values }: JsonObject, registry: Registry, faults: Faults): DescMessage | undefined {
  const url = values[keys.indexOf('@type')];
  if (typeof url !== 'string' || keys.indexOf('@type') !== keys.lastIndexOf('@type')) {
    refuse(faults, anyText);
    return undefined;
  }
  const type = registry.getMessage(url.slice(url.lastIndexOf('/') + 1));
  if (type === undefined) faults.add('', `has the unknown type ${JSON.stringify(shorten(url))}`);
  return type;
}

/** What is packed: the member `value` if its type has a JSON form of its own, else all members but `@type`. */
function contentOf({ keys, values }: JsonObject, type: DescMessage): JsonNode {
  const content = new JsonObject();
  keys.forEach((key, index) => {
    if (key === '@type') return;
    content.keys.push(key);
    content.values.push(values[index] ?? null);
  });
  const isAlone = content.keys.length === 1 && content.keys[0] === 'value';
  return hasCustomJsonRepresentation(type) && isAlone ? (content.values[0] ?? null) : content;
}
