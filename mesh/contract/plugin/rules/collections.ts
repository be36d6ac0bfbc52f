import type { MapRules, RepeatedRules } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { counted, type RuleTable } from '../check.ts';

/** The rules of a list, without those of its items. */
export const listRules: RuleTable<RepeatedRules> = {
  min_items: (rules, value) => ({
    broken: `${value}.length < ${rules.minItems}`,
    description: `must have at least ${counted(rules.minItems, 'item')}`,
  }),
  max_items: (rules, value) => ({
    broken: `${value}.length > ${rules.maxItems}`,
    description: `must have at most ${counted(rules.maxItems, 'item')}`,
  }),
  unique: (rules, value, { runtime }) =>
    rules.unique
      ? { broken: `!${runtime('isUnique', 'value-checks')}(${value})`, description: 'must not have duplicate items' }
      : undefined,
  items: () => undefined,
};

/** The rules of a map, without those of keys and values. `size` reads the number of its entries. */
export const mapRules: RuleTable<MapRules> = {
  min_pairs: (rules, size) => ({
    broken: `${size} < ${rules.minPairs}`,
    description: `must have at least ${rules.minPairs} ${entries(rules.minPairs)}`,
  }),
  max_pairs: (rules, size) => ({
    broken: `${size} > ${rules.maxPairs}`,
    description: `must have at most ${rules.maxPairs} ${entries(rules.maxPairs)}`,
  }),
  keys: () => undefined,
  values: () => undefined,
};

function entries(count: bigint): string {
  return count === 1n ? 'entry' : 'entries';
}
