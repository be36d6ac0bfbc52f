import type { BoolRules } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import type { RuleTable } from '../check.ts';

export const boolRules: RuleTable<BoolRules> = {
  const: (rules, value) => ({
    broken: `${value} !== ${rules.const}`,
    description: `must be ${rules.const}`,
  }),
};
