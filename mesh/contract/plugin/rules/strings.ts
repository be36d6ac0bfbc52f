import type { StringRules } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { counted, type RuleCompiler, type RuleTable } from '../check.ts';
import { quote } from '../generated-module.ts';
import { toJavaScriptPattern } from '../pattern.ts';
import { compileIn, compileNotIn } from './list.ts';

export const stringRules: RuleTable<StringRules> = {
  const: (rules, value) => ({
    broken: `${value} !== ${quote(rules.const)}`,
    description: `must be ${JSON.stringify(rules.const)}`,
  }),
  len: (rules, value, { runtime }) => ({
    broken: `${runtime('countCodePoints', 'value-checks')}(${value}) !== ${rules.len}`,
    description: `must be ${counted(rules.len, 'character')} long`,
  }),
  min_len: (rules, value, { runtime }) => ({
    broken:
      rules.minLen === 1n ? `${value} === ''` : `${runtime('isShorter', 'value-checks')}(${value}, ${rules.minLen})`,
    description: `must be at least ${counted(rules.minLen, 'character')} long`,
  }),
  max_len: (rules, value, { runtime }) => ({
    broken: `${runtime('isLonger', 'value-checks')}(${value}, ${rules.maxLen})`,
    description: `must be at most ${counted(rules.maxLen, 'character')} long`,
  }),
  len_bytes: (rules, value) => ({
    broken: `Buffer.byteLength(${value}) !== ${rules.lenBytes}`,
    description: `must be ${counted(rules.lenBytes, 'byte')} long in UTF-8`,
  }),
  min_bytes: (rules, value) => ({
    broken: `Buffer.byteLength(${value}) < ${rules.minBytes}`,
    description: `must be at least ${counted(rules.minBytes, 'byte')} long in UTF-8`,
  }),
  max_bytes: (rules, value) => ({
    broken: `Buffer.byteLength(${value}) > ${rules.maxBytes}`,
    description: `must be at most ${counted(rules.maxBytes, 'byte')} long in UTF-8`,
  }),
  pattern: (rules, value, { module, where }) => {
    const pattern = new RegExp(toJavaScriptPattern(rules.pattern, where), 'u');
    return {
      broken: `!${module.constant('pattern', `${pattern}`)}.test(${value})`,
      description: `must match the pattern ${rules.pattern}`,
      ...(pattern.test('') ? {} : { requiredText: value }),
    };
  },
  prefix: (rules, value) => ({
    broken: `!${value}.startsWith(${quote(rules.prefix)})`,
    description: `must start with ${JSON.stringify(rules.prefix)}`,
  }),
  suffix: (rules, value) => ({
    broken: `!${value}.endsWith(${quote(rules.suffix)})`,
    description: `must end with ${JSON.stringify(rules.suffix)}`,
  }),
  contains: (rules, value) => ({
    broken: `!${value}.includes(${quote(rules.contains)})`,
    description: `must contain ${JSON.stringify(rules.contains)}`,
  }),
  not_contains: (rules, value) => ({
    broken: `${value}.includes(${quote(rules.notContains)})`,
    description: `must not contain ${JSON.stringify(rules.notContains)}`,
  }),
  in: (rules, value, context) => compileIn(rules.in.map(quote), rules.in.map(printed), value, context),
  not_in: (rules, value, context) => compileNotIn(rules.notIn.map(quote), rules.notIn.map(printed), value, context),
  email: format('isEmail', 'an e-mail address'),
  hostname: format('isHostname', 'a host name'),
  ip: format('isIp', 'an IP address'),
  ipv4: format('isIpv4', 'an IPv4 address'),
  ipv6: format('isIpv6', 'an IPv6 address'),
  address: format('isAddress', 'a host name or an IP address'),
  host_and_port: format('isHostAndPort', 'a host and a port'),
  uri: format('isUri', 'a URI', 'uri'),
  uri_ref: format('isUriReference', 'a URI or a relative reference', 'uri'),
  uuid: format('isUuid', 'a UUID'),
  tuuid: format('isTrimmedUuid', 'a UUID without dashes'),
  ulid: format('isUlid', 'a ULID'),
};

function format(test: string, noun: string, file: 'formats' | 'uri' = 'formats'): RuleCompiler<StringRules> {
  return (rules, value, { runtime }) =>
    rules.wellKnown.value === true
      ? { broken: `!${runtime(test, file)}(${value})`, description: `must be ${noun}` }
      : undefined;
}

function printed(text: string): string {
  return JSON.stringify(text);
}
