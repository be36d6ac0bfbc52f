import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isJsonArray, type JsonNode, JsonNumber, JsonObject } from './json-node.ts';
import { JsonSyntaxError, parseJson } from './parse-json.ts';

/** What `JSON.parse` would return, if no key is repeated. */
function plain(node: JsonNode): unknown {
  if (node instanceof JsonNumber) return Number(node.text);
  if (isJsonArray(node)) return node.map(plain);
  if (!(node instanceof JsonObject)) return node;
  // As JSON.parse does, and unlike an assignment, this makes a property of __proto__.
  return Object.fromEntries(node.keys.map((key, index) => [key, plain(node.values[index] ?? null)]));
}

/** Texts that are nearly JSON. */
const nearlyJson = fc
  .tuple(
    fc.json(),
    fc.nat(),
    fc.constantFrom('', '"', '\\', '{', '}', '[', ']', ',', ':', '0', '.', 'e', '\n', '\ud800', 'null'),
  )
  .map(([text, at, insert]) => {
    const start = at % (text.length + 1);
    return text.slice(0, start) + insert + text.slice(start + (at % 3));
  });

describe('parsing JSON', () => {
  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(3), (text, indent) => {
        const formatted = JSON.stringify(JSON.parse(text), null, indent);
        expect(plain(parseJson(formatted))).toEqual(JSON.parse(formatted));
      }),
    );
  });

  it('refuses what JSON.parse refuses, and only lone surrogates beyond that', () => {
    fc.assert(
      fc.property(nearlyJson, (text) => {
        let parsed: unknown;
        let isJson = true;
        try {
          parsed = JSON.parse(text);
        } catch {
          isJson = false;
        }
        const isWellFormed =
          isJson && text.isWellFormed() && JSON.stringify(parsed) === JSON.stringify(parsed).toWellFormed();
        if (isWellFormed) expect(JSON.stringify(plain(parseJson(text)))).toBe(JSON.stringify(parsed));
        else expect(() => parseJson(text)).toThrow(JsonSyntaxError);
      }),
      { numRuns: 2_000 },
    );
  });

  it('keeps numbers as they are written, unless they are short integers', () => {
    const numbers = ['0', '-0', '-12', '999999999999999', '9007199254740993', '1.50', '1e3', '-1.5E-7'];
    expect(parseJson(`[${numbers.join(',')}]`)).toEqual([
      0,
      -0,
      -12,
      999_999_999_999_999,
      new JsonNumber('9007199254740993'),
      new JsonNumber('1.50'),
      new JsonNumber('1e3'),
      new JsonNumber('-1.5E-7'),
    ]);
  });

  it('keeps repeated keys, for those who know what they mean', () => {
    const object = parseJson('{"a": 1, "b": 2, "a": 3}') as JsonObject;
    expect([object.keys, object.values]).toEqual([
      ['a', 'b', 'a'],
      [1, 2, 3],
    ]);
  });

  it.each([
    ['{"a":\n  tru}', 'is not valid JSON: unexpected "t" at line 2, column 3'],
    ['{"a": 1', 'is not valid JSON: it ends too early'],
    ['{"a": "😀\t"}', 'is not valid JSON: unexpected "\\t" at line 1, column 10'],
    ['[1] 😀', 'is not valid JSON: unexpected "😀" at line 1, column 5'],
    ['["a\\q"]', 'has an invalid escape at line 1, column 4'],
    ['["\\udc00"]', 'has a lone surrogate in the string at line 1, column 2'],
    ['["\ud800"]', 'has a lone surrogate, which UTF-8 cannot encode'],
    ['\ufeff[]', 'starts with a byte order mark: remove it'],
    ['['.repeat(101), 'is nested deeper than 100 levels'],
  ])('says what is wrong with %j', (text, problem) => {
    expect(() => parseJson(text)).toThrow(new JsonSyntaxError(problem));
  });

  it('reads 100 levels', () => {
    expect(() => parseJson(`${'['.repeat(100)}${']'.repeat(100)}`)).not.toThrow();
  });
});
