import { describe, expect, it } from 'vitest';
import { toJavaScriptPattern } from './pattern.ts';

/** Runs a pattern of a contract as generated code does. */
function matches(pattern: string, text: string): boolean {
  return new RegExp(toJavaScriptPattern(pattern, 'here'), 'u').test(text);
}

describe('a translated pattern', () => {
  it.each([
    ['^.$', '\u2028', true],
    ['^.$', '\n', false],
    ['^[.]$', 'x', false],
    ['^.$', '😀', true],
    ['^\\s$', '\u00a0', false],
    ['^\\s$', '\t', true],
    ['^[\\s]$', '\u00a0', false],
    ['^\\S$', '\u00a0', true],
    ['^a\\-b\\@c\\_$', 'a-b@c_', true],
    ['^[a\\-c]$', 'b', false],
    ['^\\.\\\\$', '.\\', true],
    ['^\\p{L}$', 'π', true],
    ['^(?:a|b){2}$', 'ab', true],
    ['^/a$', '/a', true],
  ])('means the same as in RE2: %j on %j', (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected);
  });
});

it.each([
  ['[[:alpha:]]'],
  ['[]a]'],
  ['\\Aa'],
  ['a\\z'],
  ['\\Qa\\E'],
  ['(?i)a'],
  ['(?P<name>a)'],
  ['\\pN'],
  ['\\p{Greek}'],
  ['a\\'],
])('refuses %j, which JavaScript does not have or reads differently', (pattern) => {
  expect(() => toJavaScriptPattern(pattern, 'here')).toThrow(`here: the pattern ${pattern}`);
});
