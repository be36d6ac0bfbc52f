import { describe, expect, it } from 'vitest';
import { toJavaScriptPattern } from './pattern.ts';

/** Runs a pattern of a contract as generated code does. */
function matches(pattern: string, text: string): boolean {
  return new RegExp(toJavaScriptPattern(pattern, 'here'), 'u').test(text);
}

describe('a pattern means in JavaScript what it means in RE2', () => {
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
  ])('%j on %j', (pattern, text, expected) => {
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
])('refuses %j, which JavaScript has not, or in another meaning', (pattern) => {
  expect(() => toJavaScriptPattern(pattern, 'here')).toThrow(`here: the pattern ${pattern}`);
});
