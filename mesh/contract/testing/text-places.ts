import {
  type DescField,
  type DescMessage,
  getOption,
  type JsonObject,
  type JsonValue,
  ScalarType,
} from '@bufbuild/protobuf';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';
import { field as fieldOption, Ignore } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';

/** A place for text in a message: its path in violations, and JSON of the message that has the text there and nowhere else. */
export interface TextPlace {
  readonly field: string;
  readonly json: JsonObject;
}

/** Returns the places for text in a message that rules look at, to a depth of three messages. */
export function textPlaces(message: DescMessage, text: string, depth = 3): TextPlace[] {
  return message.fields
    .filter((field) => getOption(field, fieldOption).ignore !== Ignore.ALWAYS)
    .flatMap((field) => placesOf(field, text, depth));
}

function placesOf(field: DescField, text: string, depth: number): TextPlace[] {
  const { name, jsonName } = field;
  const place = (path: string, value: JsonValue) => ({ field: path, json: { [jsonName]: value } });
  const values = valuesOf(field, text, depth);
  switch (field.fieldKind) {
    case 'list':
      return values.map(([inner, value]) => place(`${name}[0]${inner}`, [value]));
    case 'map': {
      const key = field.mapKey === ScalarType.STRING ? 'key' : field.mapKey === ScalarType.BOOL ? 'true' : '7';
      const shown = field.mapKey === ScalarType.STRING ? '"key"' : key;
      const inValues = values.map(([inner, value]) => place(`${name}[${shown}]${inner}`, { [key]: value }));
      if (field.mapKey !== ScalarType.STRING) return inValues;
      return [...inValues, place(`${name}["${text}"]`, { [text]: emptyOf(field) })];
    }
    default:
      return values.map(([inner, value]) => place(`${name}${inner}`, value));
  }
}

/** The values with text of a field, an item or an entry, each after the path of the text in it. */
function valuesOf({ scalar, message }: DescField, text: string, depth: number): [string, JsonValue][] {
  if (scalar === ScalarType.STRING) return [['', text]];
  if (message === undefined) return [];
  if (isWrapperDesc(message)) return message.fields[0]?.scalar === ScalarType.STRING ? [['', text]] : [];
  if (message.typeName.startsWith('google.') || depth === 1) return [];
  return textPlaces(message, text, depth - 1).map(({ field, json }) => [`.${field}`, json]);
}

function emptyOf({ scalar, message }: DescField): JsonValue {
  if (message !== undefined) return isWrapperDesc(message) ? '' : {};
  return scalar === ScalarType.STRING ? '' : 0;
}
