import {
  create,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  fromJson,
  type JsonValue,
  toBinary,
} from '@bufbuild/protobuf';
import { AnySchema, anyPack, ValueSchema } from '@bufbuild/protobuf/wkt';
import { beforeAll, describe, expect, it } from 'vitest';
import { readHttpRoutes } from '../rules/http-routes.ts';
import { shapesRegistry } from '../testing/shapes.ts';
import { compileResponseWriter } from './write-response.ts';

let registry: FileRegistry;
let everything: DescMessage;

beforeAll(async () => {
  registry = await shapesRegistry();
  everything = typeOf('shapes.v1.Everything');
});

function typeOf(name: string): DescMessage {
  const type = registry.getMessage(name);
  if (type === undefined) throw new Error(`the registry has no ${name}`);
  return type;
}

/** What the method answers with a response that has these fields. */
function answerOf(method: string, fields: JsonValue): string {
  const route = readHttpRoutes(registry).find((candidate) => candidate.method.name === method);
  if (route === undefined) throw new Error(`the contract has no ${method}`);
  const { output } = route.method;
  // Over the wire, as responses come.
  const bytes = toBinary(output, fromJson(output, fields, { registry }));
  return compileResponseWriter(route, registry)(fromBinary(output, bytes));
}

/** The value that an answer has for a field. */
function fieldOf(fields: JsonValue, name = Object.keys(fields as object)[0] ?? ''): unknown {
  return JSON.parse(answerOf('Echo', fields))[name];
}

describe('an answer', () => {
  it('has default values, and nothing for what is not set', () => {
    expect(JSON.parse(answerOf('GetShape', {}))).toEqual({
      id: '',
      displayName: '',
      area: '0',
      color: 'COLOR_UNSPECIFIED',
      layers: [],
      variants: {},
      etag: '',
    });
  });

  it('has no optional field, member of a oneof or wrapper that is not set', () => {
    const names = Object.keys(JSON.parse(answerOf('Echo', {})));
    expect(names.filter((name) => /^(optional|case|wrapped(?!List)|range$|child|time$|any|value$)/.test(name))).toEqual(
      [],
    );
  });

  it('has those that are set to a default value', () => {
    const fields = { optionalInt: 0, optionalText: '', caseText: '', wrappedBool: false, wrappedString: '' };
    expect(JSON.parse(answerOf('Echo', fields))).toMatchObject(fields);
  });

  it.each<[what: string, fields: JsonValue, value: unknown]>([
    ['64-bit integers as strings', { uint64Value: '18446744073709551615' }, '18446744073709551615'],
    ['64-bit integers in wrappers as strings', { wrappedInt64: '-1' }, '-1'],
    ['enums by name', { colorValue: 2 }, 'COLOR_BLUE'],
    ['an unknown enum value by number', { colorValue: 7 }, 7],
    ['bytes as base64 with padding', { bytesValue: '-_8' }, '+/8='],
    ['special numbers as strings', { doubleList: ['NaN', '-Infinity', 1e300] }, ['NaN', '-Infinity', 1e300]],
    ['a time without a fraction', { time: '2026-11-28T18:00:00+01:00' }, '2026-11-28T17:00:00Z'],
    ['a time with milliseconds', { time: '2026-11-28T18:00:00.5Z' }, '2026-11-28T18:00:00.500Z'],
    ['a time with microseconds', { time: '2026-11-28T18:00:00.000001Z' }, '2026-11-28T18:00:00.000001Z'],
    ['a time with nanoseconds', { time: '0001-01-01T00:00:00.000000001Z' }, '0001-01-01T00:00:00.000000001Z'],
    ['the last time', { time: '9999-12-31T23:59:59.999999999Z' }, '9999-12-31T23:59:59.999999999Z'],
    ['a time before 1970', { time: '1969-12-31T23:59:59.5Z' }, '1969-12-31T23:59:59.500Z'],
    ['a negative duration', { duration: '-0.5s' }, '-0.500s'],
    ['a long duration', { duration: '315576000000s' }, '315576000000s'],
    ['a mask in lowerCamelCase', { mask: 'a,bC.dE' }, 'a,bC.dE'],
    ['map keys as strings', { int32Map: { '-1': '5' } }, { '-1': '5' }],
    ['free content', { struct: { a: [1, { b: null }] } }, { a: [1, { b: null }] }],
    ['null as a value', { value: null }, null],
    ['a list of values', { list: [null, 'x', 0.5] }, [null, 'x', 0.5]],
    ['an empty packed message', { any: {} }, {}],
    [
      'a packed message',
      { any: { '@type': 'type.googleapis.com/shapes.v1.Range', from: 1 } },
      { '@type': 'type.googleapis.com/shapes.v1.Range', from: 1, to: 0 },
    ],
    [
      'a packed message without fields',
      { any: { '@type': 'type.googleapis.com/google.protobuf.Empty' } },
      { '@type': 'type.googleapis.com/google.protobuf.Empty' },
    ],
    [
      'a packed value',
      { any: { '@type': 'type.googleapis.com/google.protobuf.Duration', value: '1s' } },
      { '@type': 'type.googleapis.com/google.protobuf.Duration', value: '1s' },
    ],
  ])('has %s', (_, fields, value) => {
    expect(fieldOf(fields)).toEqual(value);
  });

  it('has the JSON name that the contract chose', () => {
    expect(JSON.parse(answerOf('Echo', { 'other-name': 'x' }))['other-name']).toBe('x');
  });

  it('has the shortest text of a float', () => {
    const floats = [0.1, 16777217, 3.4028234663852886e38, 1.401298464324817e-45, -0];
    const texts = floats.map((value) => /"floatValue":([^,]+)/.exec(answerOf('Echo', { floatValue: value }))?.[1]);
    expect(texts).toEqual(['0.1', '16777216', '3.4028235e+38', '1.4013e-45', '-0']);
  });

  it('has the bytes of a packed message whose type is not known', () => {
    const any = anyPack(ValueSchema, create(ValueSchema, { kind: { case: 'boolValue', value: true } }));
    any.typeUrl = 'type.googleapis.com/other.v1.Unknown';
    const message = fromBinary(everything, toBinary(everything, create(everything, { any: create(AnySchema, any) })));
    const [route] = readHttpRoutes(registry).filter(({ method }) => method.name === 'Echo');
    if (route === undefined) throw new Error('the contract has no Echo');
    expect(JSON.parse(compileResponseWriter(route, registry)(message)).any).toEqual({
      '@type': 'type.googleapis.com/other.v1.Unknown',
      value: 'IAE=',
    });
  });

  it('escapes texts', () => {
    const text = '"\\\u0000\n\u2028é😀</script>';
    expect(fieldOf({ stringValue: text })).toBe(text);
    expect(fieldOf({ stringMap: { [text]: text } })).toEqual({ [text]: text });
  });
});

describe('an answer that is one field', () => {
  it('is a list, empty or not', () => {
    expect(JSON.parse(answerOf('FindShapes', { next: 'n' }))).toEqual([]);
    expect(JSON.parse(answerOf('FindShapes', { shapes: [{ id: 'a' }] }))).toMatchObject([{ id: 'a' }]);
  });

  it('is a scalar', () => {
    expect(answerOf('SetNote', { name: 'a"b' })).toBe('"a\\"b"');
  });
});
