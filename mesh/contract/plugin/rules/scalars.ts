import type { DescEnum } from '@bufbuild/protobuf';
import type { BoolRules, BytesRules, EnumRules } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { counted, type RuleTable } from '../check.ts';
import { compileIn, compileNotIn } from './list.ts';

export const boolRules: RuleTable<BoolRules> = {
  const: (rules, value) => ({
    broken: `${value} !== ${rules.const}`,
    description: `must be ${rules.const}`,
  }),
};

export const bytesRules: RuleTable<BytesRules> = {
  len: (rules, value) => ({
    broken: `${value}.length !== ${rules.len}`,
    description: `must be ${counted(rules.len, 'byte')} long`,
  }),
  min_len: (rules, value) => ({
    broken: `${value}.length < ${rules.minLen}`,
    description: `must be at least ${counted(rules.minLen, 'byte')} long`,
  }),
  max_len: (rules, value) => ({
    broken: `${value}.length > ${rules.maxLen}`,
    description: `must be at most ${counted(rules.maxLen, 'byte')} long`,
  }),
};

/** The rules of an enum. The descriptions name its values. */
export function enumRules(type: DescEnum): RuleTable<EnumRules> {
  const nameOf = (number: number): string => type.value[number]?.name ?? `${number}`;
  return {
    const: (rules, value) => ({
      broken: `${value} !== ${rules.const}`,
      description: `must be ${nameOf(rules.const)}`,
    }),
    defined_only: (rules, value, context) => {
      if (!rules.definedOnly) return undefined;
      const numbers = [...new Set(type.values.map(({ number }) => number))];
      return {
        ...compileIn(numbers.map(String), [], value, context),
        description: `must be a known ${type.name}`,
      };
    },
    in: (rules, value, context) => compileIn(rules.in.map(String), rules.in.map(nameOf), value, context),
    not_in: (rules, value, context) => compileNotIn(rules.notIn.map(String), rules.notIn.map(nameOf), value, context),
  };
}
