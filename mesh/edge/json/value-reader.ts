import { type JsonNode, kindOf } from '../../json/json-node.ts';
import type { Faults } from './faults.ts';

/** What a reader returns after it has reported why a value cannot be read. */
export const invalid = Symbol('invalid');

/** Reads a JSON value as the value of a field. Reports what is wrong relative to that value, and then returns `invalid`. */
export type ValueReader<Value = unknown> = (node: JsonNode, faults: Faults) => Value | typeof invalid;

/** Reports what a value must be. */
export function refuse(faults: Faults, expected: string, node?: JsonNode): typeof invalid {
  faults.add('', node === undefined ? `must be ${expected}` : `must be ${expected}, not ${kindOf(node)}`);
  return invalid;
}
