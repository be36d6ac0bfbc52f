import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { FieldRulesSchema, type StringRulesSchema } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { describe, expect, it } from 'vitest';
import { createModule } from '../generated-module.ts';
import { compileNul } from './nul.ts';

const context = { module: createModule('', []), runtime: (name: string) => name, where: 'here' };

function isChecked(rules: MessageInitShape<typeof StringRulesSchema>): boolean {
  const fieldRules = create(FieldRulesSchema, { type: { case: 'string', value: rules } });
  return compileNul(fieldRules, 'text', context).length > 0;
}

describe('the check for NUL', () => {
  it.each([
    '^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$',
    '^[0-9]{4}-(0[1-9]|1[0-2])$',
    '^[0-9]{1,10}=[0-9]{1,18}(,[0-9]{1,10}=[0-9]{1,18})*$',
    '^a\\.b$',
    '^$',
  ])('is left out after the pattern %j, which no text with NUL matches', (pattern) => {
    expect(isChecked({ pattern })).toBe(false);
    expect(new RegExp(pattern, 'u').test('2026\0-01')).toBe(false);
  });

  it.each([
    '',
    'a',
    '^a',
    'a$',
    '^.$',
    '^a|b$',
    '^(a|.)$',
    '^((a|b)|\\x00)$',
    '^[^a]$',
    '^[\\0-z]$',
    '^[\0-z]$',
    '^\0$',
    '^[\\D]$',
    '^\\W$',
    '^\\x00$',
    '^\\PL$',
    '^a$|^b',
  ])('stays with the pattern %j', (pattern) => {
    expect(isChecked({ pattern })).toBe(true);
  });

  it('is left out for formats, and stays with lengths', () => {
    expect(isChecked({ wellKnown: { case: 'email', value: true } })).toBe(false);
    expect(isChecked({ wellKnown: { case: 'email', value: false } })).toBe(true);
    expect(isChecked({ maxLen: 3n })).toBe(true);
    expect(compileNul(undefined, 'text', context)).toHaveLength(1);
  });
});
