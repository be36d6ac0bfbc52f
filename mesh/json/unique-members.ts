import { isJsonArray, type JsonNode, JsonObject } from './json-node.ts';

/** Returns a key that an object of the text has more than once; `undefined` if there is none. */
export function repeatedKey(node: JsonNode): string | undefined {
  if (isJsonArray(node)) return firstOf(node);
  if (!(node instanceof JsonObject)) return undefined;
  const seen = new Set<string>();
  for (const key of node.keys) {
    if (seen.has(key)) return key;
    seen.add(key);
  }
  return firstOf(node.values);
}

function firstOf(nodes: readonly JsonNode[]): string | undefined {
  for (const node of nodes) {
    const key = repeatedKey(node);
    if (key !== undefined) return key;
  }
  return undefined;
}
