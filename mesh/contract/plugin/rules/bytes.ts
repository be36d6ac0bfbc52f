import type { BytesRules } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import type { RuleTable } from '../check.ts';
import { counted } from './size.ts';

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
