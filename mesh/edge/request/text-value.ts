import { type DescField, ScalarType } from '@bufbuild/protobuf';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';
import { type JsonNode, JsonNumber } from '../../json/json-node.ts';

/** Returns the JSON value that a text in a path or a query stands for. */
export type TextToJson = (text: string) => JsonNode;

const withTextForm: ReadonlySet<string> = new Set([
  'google.protobuf.Timestamp',
  'google.protobuf.Duration',
  'google.protobuf.FieldMask',
]);

/**
 * Returns how a text gives the value of a field, or an item of a list: numbers, times and bytes as in JSON strings, enums by
 * name or number. `undefined`: no text can.
 */
export function textToJson(field: DescField): TextToJson | undefined {
  if (field.fieldKind === 'map') return undefined;
  if (field.enum !== undefined) return (text) => (/^-?[0-9]+$/.test(text) ? new JsonNumber(text) : text);
  const scalar = scalarOf(field);
  if (scalar === ScalarType.BOOL) return toBool;
  if (scalar !== undefined || withTextForm.has(field.message?.typeName ?? '')) return (text) => text;
  return undefined;
}

function scalarOf({ scalar, message }: DescField): ScalarType | undefined {
  return message !== undefined && isWrapperDesc(message) ? message.fields[0]?.scalar : scalar;
}

function toBool(text: string): JsonNode {
  if (text === 'true') return true;
  return text === 'false' ? false : text;
}
