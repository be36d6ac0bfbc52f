import { type DescMessage, fromBinary, type Registry } from '@bufbuild/protobuf';
import { pathToString } from '@bufbuild/protobuf/reflect';
import { createValidator } from '@bufbuild/protovalidate';

/** Says which fields of an encoded message break a rule, one path for each broken rule, sorted. */
export type Oracle = (type: DescMessage, bytes: Uint8Array) => string[];

/**
 * The reference: protovalidate, which runs the rules from the descriptors and knows nothing of generated code. What it
 * finds in a list or map that is too long is left out, because the generated checks do not look there.
 */
export function createOracle(registry: Registry): Oracle {
  const validator = createValidator({ registry });
  return (type, bytes) => {
    const result = validator.validate(type, fromBinary(type, bytes));
    if (result.kind === 'error') throw result.error;
    const violations = (result.violations ?? []).map(({ field, ruleId }) => ({ path: pathToString(field), ruleId }));
    const tooLong = violations.filter(({ ruleId }) => ['repeated.max_items', 'map.max_pairs'].includes(ruleId));
    return violations
      .map(({ path }) => path)
      .filter((path) => !tooLong.some((list) => path.startsWith(`${list.path}[`)))
      .sort();
  };
}
