import { calls, type Probe, refuses } from './probe.ts';

const nested = (depth: number) => `${'{"child":'.repeat(depth)}{}${'}'.repeat(depth)}`;

/** Bodies of `Echo`, which takes every type of field. */
export const bodyProbes: readonly Probe[] = [
  echoes('takes an empty object', '{}', {}),
  echoes('takes whitespace', ' \t\r\n{ } \n', {}),
  calls('POST', '/v1/everything', 'takes no body as no fields', 'Echo', {}),
  echoes('takes both names of a field', '{"int32_value": 1, "stringValue": "a"}', { int32Value: 1, stringValue: 'a' }),
  echoes('takes null as not set', '{"int32Value": null, "range": null, "int32List": null, "caseInt": null}', {}),
  echoes('keeps null of a value', '{"value": null}', { value: null }),
  echoes('takes escapes', '{"string\\u0056alue": "\\u00e9\\ud83d\\ude00\\"\\\\\\/\\b\\f\\n\\r\\t"}', {
    stringValue: 'é😀"\\/\b\f\n\r\t',
  }),
  echoes('takes integers as strings', '{"int32Value": "7", "int64Value": "9007199254740993"}', {
    int32Value: 7,
    int64Value: '9007199254740993',
  }),
  echoes('takes 64-bit numbers exactly', '{"int64Value": 9007199254740993, "uint64Value": 18446744073709551615}', {
    int64Value: '9007199254740993',
    uint64Value: '18446744073709551615',
  }),
  echoes('takes integers with exponents exactly', '{"int32Value": 1.5e1, "int64Value": 9.223372036854775807e18}', {
    int32Value: 15,
    int64Value: '9223372036854775807',
  }),
  echoes('takes integers with a fraction of zeros', '{"int32Value": 1.000, "uint32Value": -0.0}', { int32Value: 1 }),
  echoes('takes floats', '{"doubleValue": 1.7976931348623157e308, "floatValue": -3.4028235e38}', {
    floatValue: -3.4028234663852886e38,
    doubleValue: 1.7976931348623157e308,
  }),
  echoes('takes enums by name and number', '{"colorValue": "COLOR_RED", "colorList": [0, 2, "COLOR_RED"]}', {
    colorValue: 'COLOR_RED',
    colorList: ['COLOR_UNSPECIFIED', 'COLOR_BLUE', 'COLOR_RED'],
  }),
  echoes('takes maps', '{"int32Map": {"-1": 5}, "boolMap": {"true": {}}, "int64Map": {"2": 1}}', {
    int32Map: { '-1': '5' },
    int64Map: { '2': 'COLOR_RED' },
    boolMap: { true: {} },
  }),
  echoes('takes a map key named as a property of objects', '{"stringMap": {"constructor": "a"}}', {
    stringMap: { constructor: 'a' },
  }),
  echoes('takes free content', '{"struct": {"a": [1, {"b": null}]}, "list": ["x", true], "value": 1.5}', {
    struct: { a: [1, { b: null }] },
    value: 1.5,
    list: ['x', true],
  }),
  echoes('takes a packed message', '{"any": {"@type": "type.googleapis.com/shapes.v1.Range", "from": 1}}', {
    any: { '@type': 'type.googleapis.com/shapes.v1.Range', from: 1 },
  }),
  echoes('takes a packed value', '{"any": {"value": "1s", "@type": "x/google.protobuf.Duration"}}', {
    any: { '@type': 'type.googleapis.com/google.protobuf.Duration', value: '1s' },
  }),
  echoes(
    'takes 99 levels',
    nested(98).replaceAll('{}', '{"int32Value":1}'),
    JSON.parse(nested(98).replace('{}', '{"int32Value":1}')),
  ),
  refused('refuses 101 levels', nested(100), ['body']),
  refused('refuses a million levels', '['.repeat(1_000_000), ['body']),
  refused('names a field that does not exist', '{"nope": 1}', ['nope']),
  refused('names a nested field that does not exist', '{"range": {"nope": 1}}', ['range.nope']),
  refused('names a field of an item', '{"rangeList": [{}, {"nope": 1}]}', ['range_list[1].nope']),
  refused('names a field of an entry', '{"boolMap": {"true": {"nope": 1}}}', ['bool_map["true"].nope']),
  refused('has no fields named as those of objects', '{"__proto__": {}, "constructor": 1}', [
    '__proto__',
    'constructor',
  ]),
  refused('refuses __proto__ in free content', '{"stringMap": {"__proto__": "a"}, "struct": {"__proto__": 1}}', [
    'string_map["__proto__"]',
    'struct["__proto__"]',
  ]),
  refused('refuses a key twice', '{"int32Value": 1, "int32Value": 1}', ['int32_value']),
  refused('refuses a key twice, once escaped', '{"int32Value": 1, "int32\\u0056alue": 1}', ['int32_value']),
  refused('refuses a field under both names', '{"int32Value": 1, "int32_value": 2}', ['int32_value']),
  refused('refuses a nested key twice', '{"range": {"from": 1, "from": null}}', ['range.from']),
  refused('refuses a map key twice', '{"int64Map": {"1": 1, "1": 2}, "stringMap": {"a": "", "a": ""}}', [
    'int64_map["1"]',
    'string_map["a"]',
  ]),
  refused('refuses one map key in two spellings', '{"int64Map": {"10": 1, "1e1": 2}}', ['int64_map["1e1"]']),
  refused('refuses a key twice in free content', '{"struct": {"a": {"b": 1, "b": 2}}}', ['struct["a"]["b"]']),
  refused('refuses two members of a oneof', '{"caseText": "", "caseInt": 0}', ['case_int']),
  refused('refuses null in a list', '{"int32List": [1, null]}', ['int32_list[1]']),
  refused('refuses null in a map', '{"stringMap": {"a": null}}', ['string_map["a"]']),
  refused('refuses an unknown packed type', '{"any": {"@type": "x/shapes.v1.Nope"}}', ['any']),
  refused('refuses a packed message without a type', '{"any": {"from": 1}}', ['any']),
  refused('names a field of a packed message', '{"any": {"@type": "x/shapes.v1.Range", "nope": 1}}', ['any.nope']),
  refused('reports every fault', '{"int32Value": 1.5, "boolValue": "true", "range": {"from": [], "to": {}}, "x": 1}', [
    'int32_value',
    'bool_value',
    'range.from',
    'range.to',
    'x',
  ]),
  refused('refuses an array', '[]', ['body']),
  refused('refuses null', 'null', ['body']),
  refused('refuses text', '"a"', ['body']),
];

function echoes(name: string, body: string, request: never | object): Probe {
  return calls('POST', '/v1/everything', name, 'Echo', request as never, { body });
}

function refused(name: string, body: string, fields: readonly string[]): Probe {
  return refuses('POST', '/v1/everything', name, fields, { body });
}
