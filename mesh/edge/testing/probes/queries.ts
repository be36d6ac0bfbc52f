import { calls, gets, type Probe, passesOn, refuses, same } from './probe.ts';

const lastWins = {
  envoy: { does: 'takes the last value', because: 'two readers of one request must not see two values' },
};
const overrides = {
  envoy: {
    does: 'lets the query override the path',
    because: 'who may call is decided by the path, so nothing may change what it names',
  },
};

/** Fields that the query gives. `ListShapes` has every type of field. */
export const queryProbes: readonly Probe[] = [
  gets('/v1/shapes/s1?full=true', 'sets a field', 'GetShape', { id: 's1', full: true }),
  gets('/v1/shapes?', 'takes an empty query', 'ListShapes', {}),
  gets('/v1/shapes?&&', 'skips nothing between ampersands', 'ListShapes', {}),
  gets('/v1/shapes?string_value=a', 'takes the name of the contract', 'ListShapes', { stringValue: 'a' }, same),
  gets('/v1/shapes?stringValue=a', 'takes the name of JSON', 'ListShapes', { stringValue: 'a' }, same),
  gets('/v1/shapes?other-name=a', 'takes a chosen JSON name', 'ListShapes', { 'other-name': 'a' }),
  gets('/v1/shapes?string_value=a+b%2Bc%26', 'decodes plus and escapes', 'ListShapes', { stringValue: 'a b+c&' }),
  gets('/v1/shapes?string%5Fvalue=a', 'decodes names', 'ListShapes', { stringValue: 'a' }),
  gets('/v1/shapes?string_value=a=b', 'splits at the first equals sign', 'ListShapes', { stringValue: 'a=b' }),
  gets('/v1/shapes?string_value', 'takes a name without a value as empty', 'ListShapes', {}),
  gets('/v1/shapes?string_value=a/b?c:d@', 'takes what a query may have', 'ListShapes', { stringValue: 'a/b?c:d@' }),
  gets('/v1/shapes?optional_int=0', 'sets an optional field to zero', 'ListShapes', { optionalInt: 0 }),
  gets('/v1/shapes?range.from=1&range.to=2', 'sets nested fields', 'ListShapes', { range: { from: 1, to: 2 } }, same),
  gets('/v1/shapes?child.child.range.from=1', 'sets deeply nested fields', 'ListShapes', {
    child: { child: { range: { from: 1 } } },
  }),
  gets('/v1/shapes:find?filter.colors=1&filter.colors=COLOR_BLUE', 'repeats a nested list', 'FindShapes', {
    filter: { colors: ['COLOR_RED', 'COLOR_BLUE'] },
  }),
  gets('/v1/shapes?int32_list=1&int32List=2', 'repeats a list under both names', 'ListShapes', { int32List: [1, 2] }),
  gets('/v1/shapes?wrapped_list=1&wrapped_list=2', 'repeats wrappers', 'ListShapes', { wrappedList: ['1', '2'] }),
  gets('/v1/shapes?wrapped_bool=false&wrapped_string=', 'sets wrappers to zero values', 'ListShapes', {
    wrappedBool: false,
    wrappedString: '',
  }),
  gets(
    '/v1/shapes?time=2026-11-28T19:00:00.5%2B01:00&duration=1.5s&mask=a,bC.dE',
    'reads times and masks',
    'ListShapes',
    {
      time: '2026-11-28T18:00:00.500Z',
      duration: '1.500s',
      mask: 'a,bC.dE',
    },
  ),
  gets('/v1/shapes?double_value=NaN&float_value=-Infinity', 'reads special numbers', 'ListShapes', {
    floatValue: '-Infinity',
    doubleValue: 'NaN',
  }),
  gets(
    '/v1/shapes?uint64_value=18446744073709551615',
    'reads 64 bits exactly',
    'ListShapes',
    {
      uint64Value: '18446744073709551615',
    },
    same,
  ),
  gets('/v1/shapes?bytes_value=%2B%2F8%3D', 'reads base64', 'ListShapes', { bytesValue: '+/8=' }),
  gets('/v1/shapes?color_value=7', 'keeps an enum number that it does not know', 'ListShapes', { colorValue: 7 }),
  calls(
    'POST',
    '/v1/shapes?request_id=r&dryRun=true',
    'gives what a body field leaves',
    'CreateShape',
    {
      requestId: 'r',
      shape: { id: 's1' },
      dryRun: true,
    },
    { body: '{"id": "s1"}' },
  ),
  refuses('GET', '/v1/shapes/s1?nope=1', 'names a field that does not exist', ['nope'], passesOn),
  refuses('GET', '/v1/shapes?range.nope=1', 'names a nested field that does not exist', ['range.nope'], passesOn),
  refuses('GET', '/v1/shapes?string_value.x=1', 'refuses a field of a scalar', ['string_value.x']),
  refuses('GET', '/v1/shapes?range_list.from=1', 'refuses a field of a list', ['range_list.from']),
  refuses('GET', '/v1/shapes?string_map.a=1', 'refuses an entry of a map', ['string_map.a'], passesOn),
  refuses('GET', '/v1/shapes?string_map=1', 'refuses a map', ['string_map'], passesOn),
  refuses('GET', '/v1/shapes?string_map[a]=1', 'refuses an entry of a map in brackets', ['string_map[a]'], passesOn),
  refuses('GET', '/v1/shapes?range=1', 'refuses a message', ['range']),
  refuses('GET', '/v1/shapes?range_list=1', 'refuses a list of messages', ['range_list']),
  refuses('GET', '/v1/shapes?struct=1&value=1&list=1&any=1&empty=', 'refuses messages with free content', [
    'struct',
    'value',
    'list',
    'any',
    'empty',
  ]),
  refuses('GET', '/v1/shapes?time.seconds=1', 'refuses a part of a time', ['time.seconds']),
  refuses('GET', '/v1/shapes?wrapped_int32.value=1', 'refuses a part of a wrapper', ['wrapped_int32.value']),
  refuses('GET', '/v1/shapes?string_value=a&string_value=b', 'refuses a scalar twice', ['string_value'], lastWins),
  refuses(
    'GET',
    '/v1/shapes?string_value=a&string_value=a',
    'refuses an equal scalar twice',
    ['string_value'],
    lastWins,
  ),
  refuses(
    'GET',
    '/v1/shapes?string_value=a&stringValue=b',
    'refuses a scalar under both names',
    ['string_value'],
    lastWins,
  ),
  refuses('GET', '/v1/shapes?range.from=1&range.from=2', 'refuses a nested scalar twice', ['range.from'], lastWins),
  refuses('GET', '/v1/shapes?case_text=a&case_int=1', 'refuses two members of a oneof', ['case_int']),
  refuses('GET', '/v1/shapes?case_text=a&case_range.from=1', 'refuses a nested member of a oneof', ['case_range.from']),
  refuses('GET', '/v1/shapes/s1?id=s2', 'refuses what the path gives', ['id'], overrides),
  refuses('GET', '/v1/shapes/s1?id=s1', 'refuses what the path gives, even if it is equal', ['id'], overrides),
  refuses(
    'GET',
    '/v1/leaves/a/1?tree.branch.leaf=b',
    'refuses a nested field that the path gives',
    ['tree.branch.leaf'],
    overrides,
  ),
  gets('/v1/leaves/a/1?tree.branch.weight=2', 'takes the fields next to one that the path gives', 'GetLeaf', {
    tree: { branch: { leaf: 'a', weight: 2 }, kind: 'COLOR_RED' },
  }),
  refuses('POST', '/v1/shapes?shape.id=s2', 'refuses what the body gives', ['shape.id'], { body: '{"id": "s1"}' }),
  refuses('POST', '/v1/shapes/s1:cancel?reason=x', 'refuses a query where the body is the request', ['reason'], {
    body: '{}',
    envoy: { does: 'takes it', because: 'google.api.http has no query with the body *' },
  }),
  refuses('GET', '/v1/shapes?=a', 'refuses an empty name', ['']),
  refuses('GET', '/v1/shapes?range.=1&.range=1&range..from=1', 'refuses empty parts of a name', [
    'range.',
    '.range',
    'range..from',
  ]),
  refuses('GET', '/v1/shapes?string_value=%zz', 'refuses an invalid escape', ['string_value']),
  refuses('GET', '/v1/shapes?string_value=%ff', 'refuses an escape that is not UTF-8', ['string_value']),
  refuses('GET', '/v1/shapes?%ff=a', 'refuses an invalid escape in a name', ['%ff']),
  refuses('GET', '/v1/shapes?string_value=\u00e9', 'refuses bytes beyond ASCII', ['string_value']),
  refuses('GET', '/v1/shapes?__proto__=1&constructor=1&toString=1', 'has no fields named as those of objects', [
    '__proto__',
    'constructor',
    'toString',
  ]),
];
