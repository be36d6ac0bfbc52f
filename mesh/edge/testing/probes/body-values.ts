import { type Probe, refuses } from './probe.ts';

/** JSON that no field of its type can have. */
const wrongValues: readonly (readonly [field: string, json: string])[] = [
  ['string_value', '1'],
  ['string_value', 'true'],
  ['string_value', '{}'],
  ['bool_value', '"true"'],
  ['bool_value', '0'],
  ['int32_value', '2147483648'],
  ['int32_value', '0.1'],
  ['int32_value', '1e10'],
  ['int32_value', '1e-1'],
  ['int32_value', '1e999999999999'],
  ['int32_value', 'true'],
  ['int32_value', '[1]'],
  ['int64_value', '9223372036854775808'],
  ['int64_value', '1e19'],
  ['int64_value', '9007199254740993.5'],
  ['uint64_value', '-1'],
  ['float_value', '1e39'],
  ['double_value', '1e400'],
  ['double_value', '"1e400"'],
  ['double_value', '"0x1"'],
  ['double_value', '""'],
  ['bytes_value', '"a b="'],
  ['bytes_value', '[1]'],
  ['color_value', '"RED"'],
  ['color_value', '"1"'],
  ['color_value', '1.5'],
  ['int32_list', '1'],
  ['int32_list', '{"0": 1}'],
  ['string_map', '[]'],
  ['range', '[]'],
  ['range', '"x"'],
  ['time', '0'],
  ['duration', '1.5'],
  ['mask', '["a"]'],
  ['struct', '[]'],
  ['list', '{}'],
  ['any', '"x"'],
  ['empty', '1'],
  ['value', '1e999'],
];

/** Texts that are not JSON. */
const notJson: readonly (readonly [what: string, body: string])[] = [
  ['a byte order mark', '\ufeff{}'],
  ['only whitespace', ' '],
  ['an unfinished object', '{"int32Value": 1'],
  ['a value after the object', '{} {}'],
  ['a comma at the end', '{"int32Value": 1,}'],
  ['a missing comma', '{"int32Value": 1 "boolValue": true}'],
  ['a comment', '{/* */}'],
  ['single quotes', "{'int32Value': 1}"],
  ['a key without quotes', '{int32Value: 1}'],
  ['NaN', '{"doubleValue": NaN}'],
  ['Infinity', '{"doubleValue": -Infinity}'],
  ['undefined', '{"doubleValue": undefined}'],
  ['a leading zero', '{"int32Value": 01}'],
  ['a plus', '{"int32Value": +1}'],
  ['a fraction without digits', '{"doubleValue": 1.}'],
  ['hexadecimal', '{"int32Value": 0x10}'],
  ['a raw line feed in a string', '{"stringValue": "\n"}'],
  ['an unknown escape', '{"stringValue": "\\x41"}'],
  ['half an escape', '{"stringValue": "\\u12"}'],
  ['an unfinished string', '{"stringValue": "a'],
  ['an escape at the end', '{"stringValue": "\\'],
  ['an escaped lone surrogate', '{"stringValue": "\\ud800"}'],
  ['a lone surrogate in a key', '{"\\udc00": 1}'],
  ['a lone surrogate', '{"stringValue": "\ud800"}'],
  ['a no-break space', '{\u00a0}'],
  ['form data', 'int32Value=1'],
  ['XML', '<int32Value>1</int32Value>'],
];

/** Each wrong value in a body, and each text that is not JSON. */
export const bodyValueProbes: readonly Probe[] = [
  ...wrongValues.map(([field, json]) => refused(`refuses ${json} for ${field}`, `{"${field}": ${json}}`, field)),
  ...notJson.map(([what, body]) => refused(`refuses ${what}`, body, 'body')),
];

function refused(name: string, body: string, field: string): Probe {
  return refuses('POST', '/v1/everything', name, [field], { body });
}
