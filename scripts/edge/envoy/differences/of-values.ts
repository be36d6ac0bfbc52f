import type { Difference } from './difference.ts';

/** Bodies, and the values in bodies and queries. */
export const differencesOfValues: readonly Difference[] = [
  {
    because: 'programs in JavaScript that read it later may take it for the prototype',
    probes: {
      'bodies: refuses __proto__ in free content': 'Echo {"stringMap":{"__proto__":"a"},"struct":{"__proto__":1}}',
    },
  },
  {
    because: 'proto3 JSON has no null in a list or a map',
    probes: {
      'bodies: refuses null in a list': 'Echo {"int32List":[1]}',
      'bodies: refuses null in a map': 'Echo {"stringMap":{"a":""}}',
    },
  },
  {
    because: 'proto3 JSON takes every way to write an integer',
    probes: {
      'bodies: takes integers with exponents exactly': '400',
    },
  },
  {
    because: 'the name of a type is what follows the last slash',
    probes: {
      'bodies: takes a packed value': '400',
    },
  },
  {
    because: 'both are the same 32-bit float',
    probes: {
      'bodies: takes floats':
        'Echo {"floatValue":-3.4028234663852886e+38,"doubleValue":1.7976931348623157e+308}, answered with {"int32Value":0,"int64Value":"0…',
    },
  },
  {
    because: 'it is not JSON (RFC 8259)',
    probes: {
      'values in bodies: refuses a comma at the end': 'Echo {"int32Value":1}',
      'values in bodies: refuses single quotes': 'Echo {"int32Value":1}',
      'values in bodies: refuses a key without quotes': 'Echo {"int32Value":1}',
      'values in bodies: refuses a fraction without digits': 'Echo {"doubleValue":1}',
      'values in bodies: refuses a raw line feed in a string': 'Echo {"stringValue":"\\n"}',
      'values in bodies: refuses an unknown escape': 'Echo {"stringValue":"x41"}',
    },
  },
  {
    because: 'a value has one form, that of proto3 JSON, so all readers see the same',
    probes: {
      'values in queries: refuses "01" for int32_value': 'ListShapes {"int32Value":1}',
      'values in queries: refuses "1" for bool_value': 'ListShapes {"boolValue":true}',
      'values in queries: refuses "TRUE" for bool_value': 'ListShapes {"boolValue":true}',
      'values in queries: refuses ".5" for float_value': 'ListShapes {"floatValue":0.5}',
      'values in queries: refuses "AB" for bytes_value': 'ListShapes {"bytesValue":"AA=="}',
      'values in queries: refuses "yes" for wrapped_bool': 'ListShapes {"wrappedBool":true}',
      'values in queries: refuses "2026-11-28T23:59:60Z" for time': 'ListShapes {"time":"2026-11-29T00:00:00Z"}',
      'values in queries: refuses "1.s" for duration': 'ListShapes {"duration":"1s"}',
      'values in queries: refuses "a,,b" for mask': 'ListShapes {"mask":"a,b"}',
      'values in queries: refuses "snake_case" for mask': 'ListShapes {"mask":"snakeCase"}',
      'values in bodies: refuses "true" for bool_value': 'Echo {"boolValue":true}',
      'values in bodies: refuses 9007199254740993.5 for int64_value': 'Echo {"int64Value":"9007199254740994"}',
      'values in bodies: refuses "0x1" for double_value': 'Echo {"doubleValue":1}',
      'values in bodies: refuses "1" for color_value': 'Echo {"colorValue":"COLOR_RED"}',
      'values in bodies: refuses 1 for int32_list': 'Echo {"int32List":[1]}',
      'values in bodies: refuses {} for list': 'Echo {"list":[]}',
    },
  },
  {
    because: 'a body that nobody reads is a mistake',
    probes: {
      'updates: refuses a body with GET': 'GetShape {"id":"s1"}',
      'updates: refuses a body with DELETE': 'DeleteShape {"id":"s1"}',
    },
  },
  {
    because: 'a PATCH without a mask changes what its body has, and clears nothing else',
    probes: {
      'updates: sets the mask to the fields of the body':
        'UpdateShape {"shape":{"id":"s1","displayName":"d","area":"1"}}',
      'updates: clears what the body has empty or null': 'UpdateShape {"shape":{"id":"s1"}}',
      'updates: goes down to leaves': 'UpdateShape {"shape":{"id":"s1","style":{"fill":"f","border":{"width":2}}}}',
      'updates: takes lists, maps and times whole':
        'UpdateShape {"shape":{"id":"s1","layers":[{"fill":"f"}],"age":"1s"}}',
      'updates: leaves out an object without fields': 'UpdateShape {"shape":{"id":"s1","area":"1","style":{}}}',
      'updates: leaves out what only the server sets':
        'UpdateShape {"shape":{"id":"s1","style":{"width":1,"computed":"c"},"createTime":"2026-11-28T18:00:00Z"}}',
      'updates: leaves out the etag and what the path gives': 'UpdateShape {"shape":{"id":"s1","area":"1","etag":"e"}}',
      'updates: has an empty mask for an empty body': 'UpdateShape {"shape":{"id":"s1"}}',
    },
  },
];
