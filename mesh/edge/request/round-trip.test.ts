import { type DescMessage, type FileRegistry, type Message, toBinary, toJson } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { MeshError } from '../../errors/mesh-error.ts';
import { anyText } from '../../testing/any-text.ts';
import { compileResponseWriter } from '../response/write-response.ts';
import { type HttpRoute, readHttpRoutes } from '../rules/http-routes.ts';
import { arbitraryEverything } from '../testing/everything.ts';
import { shapesRegistry } from '../testing/shapes.ts';
import { compileRequestReader, type RequestReader } from './read-request.ts';

let registry: FileRegistry;
let everything: DescMessage;
let read: RequestReader;
let write: (message: Message) => string;
let readers: readonly (readonly [HttpRoute, RequestReader])[];

beforeAll(async () => {
  registry = await shapesRegistry();
  readers = readHttpRoutes(registry).map((route) => [route, compileRequestReader(route, registry)]);
  const [echo, reader] = readers.find(([route]) => route.method.name === 'Echo') ?? [];
  if (echo === undefined || reader === undefined) throw new Error('the contract has no Echo');
  read = reader;
  write = compileResponseWriter(echo, registry);
  everything = echo.method.output;
});

/** A message has up to a thousand fields, so a run takes milliseconds. */
const runs = { numRuns: 50 };

const withDefaults = () => ({ registry, alwaysEmitImplicit: true });

const same = (one: Message, other: Message) =>
  expect(Buffer.from(toBinary(everything, one)).toString('hex')).toBe(
    Buffer.from(toBinary(everything, other)).toString('hex'),
  );

describe('a message of any content', () => {
  it('is the same after it was an answer and is a request again', () => {
    fc.assert(
      fc.property(arbitraryEverything(registry), (message) => {
        same(read({ variables: [], query: '', body: write(message) }), message);
      }),
      runs,
    );
  });

  it('is read from the JSON of another library', () => {
    fc.assert(
      fc.property(arbitraryEverything(registry), (message) => {
        const json = toJson(everything, message, withDefaults());
        const again = read({ variables: [], query: '', body: JSON.stringify(json) });
        expect(withoutSigns(toJson(everything, again, withDefaults()))).toEqual(withoutSigns(json));
      }),
      runs,
    );
  });

  it('is written as another library writes it with all its fields', () => {
    fc.assert(
      fc.property(arbitraryEverything(registry), (message) => {
        const json = toJson(everything, message, withDefaults());
        expect(withoutSigns(JSON.parse(write(message)))).toEqual(withoutSigns(json));
      }),
      runs,
    );
  });
});

/** JSON with 0 for -0, as the other library writes it. */
function withoutSigns(json: unknown): unknown {
  return JSON.parse(JSON.stringify(json));
}

describe('a request of any content', () => {
  const textOrJson = fc.oneof(anyText(), fc.json());
  const anyQuery = fc.array(
    fc.tuple(
      fc.constantFrom('', 'int32_value', 'time', 'range.from', 'child.child', 'string_map', 'x', '%', '__proto__'),
      textOrJson,
    ),
  );

  it('is read or refused with INVALID_ARGUMENT, and nothing else', () => {
    const request = fc.record({
      raw: fc.array(textOrJson, { minLength: 5, maxLength: 5 }),
      query: fc.oneof(
        textOrJson,
        anyQuery.map((pairs) => pairs.map((pair) => pair.join('=')).join('&')),
      ),
      body: fc.option(fc.oneof(textOrJson, bodies()), { nil: undefined }),
    });
    fc.assert(
      fc.property(request, ({ raw, query, body }) => {
        for (const [{ template, method }, reader] of readers) {
          const variables = template.variables.map(({ fieldPath }, index) => ({ fieldPath, raw: raw[index] ?? '' }));
          try {
            toBinary(method.input, reader({ variables, query, body }));
          } catch (error) {
            expect(error).toBeInstanceOf(MeshError);
            expect(error).toMatchObject({ reason: 'INVALID_FIELD' });
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  /** Objects with the names of fields, and values that mostly do not fit. */
  function bodies(): fc.Arbitrary<string> {
    const names = [
      'int32Value',
      'int64List',
      'stringMap',
      'time',
      'any',
      'struct',
      'child',
      'caseInt',
      'caseText',
      'wrappedList',
      'id',
      'shape',
      '@type',
      '__proto__',
    ];
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.constantFrom(
          null,
          0,
          -1,
          Number.MAX_VALUE,
          '',
          'a',
          '1',
          true,
          '2026-11-28T18:00:00Z',
          'x/shapes.v1.Everything',
        ),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...names), tie('value'), { maxKeys: 4 }),
      ),
    }));
    return value.map((json) => JSON.stringify(json));
  }
});

describe('what a refusal says', () => {
  it('names at most 100 fields, each shortened, however large the body is', () => {
    const long = 'x'.repeat(4_000);
    const keys = Array.from({ length: 1_000 }, (_, index) => `"${long}${index}": 1`);
    try {
      read({ variables: [], query: '', body: `{${keys.join(',')}}` });
      expect.unreachable();
    } catch (error) {
      const { violations, message } = error as MeshError;
      expect(violations).toHaveLength(100);
      expect(Math.max(...violations.map(({ field }) => field.length))).toBeLessThan(200);
      expect(message.length).toBeLessThan(2_000);
    }
  });

  it.each([
    ['{"int32Value": "x"}', 'int32_value: must be an integer from -2147483648 to 2147483647'],
    ['{"uint64Value": -1}', 'uint64_value: must be an integer from 0 to 18446744073709551615'],
    ['{"stringValue": 1}', 'string_value: must be a string, not a number'],
    ['{"stringValue": "\\u0000"}', 'string_value: must be text without NUL'],
    ['{"boolValue": "true"}', 'bool_value: must be true or false'],
    ['{"bytesValue": "*"}', 'bytes_value: must be base64'],
    ['{"colorValue": "RED"}', 'color_value: must be one of COLOR_UNSPECIFIED, COLOR_RED, COLOR_BLUE'],
    ['{"doubleValue": "x"}', 'double_value: must be a number, "NaN", "Infinity" or "-Infinity"'],
    ['{"floatValue": 1e39}', 'float_value: must be in the range of a float'],
    ['{"time": "now"}', 'time: must be a time such as 2026-11-28T18:00:00Z'],
    ['{"duration": "1m"}', 'duration: must be a duration in seconds, such as 1.5s'],
    ['{"range": []}', 'range: must be an object, not an array'],
    ['{"int32List": 1}', 'int32_list: must be an array, not a number'],
    ['{"int32List": [null]}', 'int32_list[0]: must be a value, not null'],
    ['{"nope": 1}', 'nope: is not a field of shapes.v1.Everything'],
    ['{"int32Value": 1, "int32_value": 1}', 'int32_value: is given more than once'],
    ['{"caseInt": 1, "caseText": ""}', 'case_text: cannot be set together with case_int'],
    ['{"any": {"@type": "x/y"}}', 'any: has the unknown type "x/y"'],
    ['{"stringMap": {"__proto__": ""}}', 'string_map["__proto__"]: is a key that is not supported'],
    ['{', 'body: is not valid JSON: it ends too early'],
    ['[]', 'body: must be an object, not an array'],
  ])('explains %s', (body, text) => {
    expect(() => read({ variables: [], query: '', body })).toThrow(`invalid request: ${text}`);
  });
});
