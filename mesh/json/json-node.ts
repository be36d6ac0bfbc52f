/**
 * A JSON value as the text has it: the members of objects in their order, repeated keys included, and numbers without
 * loss.
 */
export type JsonNode = null | boolean | string | number | JsonNumber | readonly JsonNode[] | JsonObject;

/** A number that may not fit a double: one with a fraction, an exponent, or more than 15 digits. Others are a `number`. */
export class JsonNumber {
  /** As written: `1.50e3`. */
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** An object: `values[i]` belongs to `keys[i]`. */
export class JsonObject {
  readonly keys: string[] = [];
  readonly values: JsonNode[] = [];
}

/** Whether a node is an array. `Array.isArray` does not narrow a readonly one. */
export function isJsonArray(node: JsonNode): node is readonly JsonNode[] {
  return Array.isArray(node);
}

/** Names the kind of a value, for people: `a string`, `null`. */
export function kindOf(node: JsonNode): string {
  if (node === null) return 'null';
  if (isJsonArray(node)) return 'an array';
  if (node instanceof JsonObject) return 'an object';
  if (node instanceof JsonNumber) return 'a number';
  return `a ${typeof node}`;
}
