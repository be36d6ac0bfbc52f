import type { JsonObject as PlainObject, JsonValue as PlainValue } from '@bufbuild/protobuf';
import { quoteKey } from '../../contract/value-checks.ts';
import { isJsonArray, type JsonNode, JsonNumber, JsonObject } from '../../json/json-node.ts';
import { type Faults, shorten } from './faults.ts';
import { invalid, refuse } from './value-reader.ts';

/** Returns the path of a key in a map or a `Struct`: `["key"]`. */
export function keyPath(key: string): string {
  return quoteKey(shorten(key));
}

/**
 * Reads a value for `google.protobuf.Struct` and its kin. Numbers are doubles there, as in JavaScript. Refuses a repeated
 * key, and `__proto__`, which most JavaScript receivers would drop.
 */
export function readPlain(node: JsonNode, faults: Faults): PlainValue | typeof invalid {
  if (node instanceof JsonNumber) return readNumber(node.text, faults);
  if (node instanceof JsonObject) return readPlainObject(node, faults);
  if (!isJsonArray(node)) return node;
  return node.map((item, index) => readPart(item, () => `[${index}]`, faults));
}

/** Reads a value for `google.protobuf.Struct`. */
export function readPlainObject(node: JsonObject, faults: Faults): PlainObject {
  const object: PlainObject = {};
  node.keys.forEach((key, index) => {
    if (Object.hasOwn(object, key)) faults.add(keyPath(key), 'is given more than once');
    else if (key === '__proto__') faults.add(keyPath(key), 'is a key that is not supported');
    else object[key] = readPart(node.values[index] ?? null, () => keyPath(key), faults);
  });
  return object;
}

/** After a fault the whole request is refused, so any value will do. */
function readPart(node: JsonNode, path: () => string, faults: Faults): PlainValue {
  const from = faults.count;
  const value = readPlain(node, faults);
  if (faults.count > from) faults.prefix(from, path());
  return value === invalid ? null : value;
}

function readNumber(text: string, faults: Faults): number | typeof invalid {
  const value = Number(text);
  return Number.isFinite(value) ? value : refuse(faults, 'in the range of a double');
}
