import { calls, gets, type Probe, refuses } from './probe.ts';

const all = "-._~!$&'()*+,;=@";

/** What a path has in the place of a variable. */
export const variableProbes: readonly Probe[] = [
  gets('/v1/shapes/a%2Fb', 'decodes %2F in a single segment', 'GetShape', { id: 'a/b' }),
  gets('/v1/things/a%2Fb', 'keeps %2F in several segments', 'GetThing', { name: 'things/a%2Fb' }),
  gets('/v1/files/a%2fb/c', 'keeps %2f in **', 'GetFile', { name: 'a%2fb/c' }),
  gets('/v1/files/a%20b/%C3%A9', 'decodes everything else in **', 'GetFile', { name: 'a b/é' }),
  gets('/v1/shapes/%C3%A9%F0%9F%98%80', 'decodes UTF-8', 'GetShape', { id: 'é😀' }),
  gets('/v1/shapes/%2525', 'decodes only once', 'GetShape', { id: '%25' }),
  gets('/v1/shapes/a%25', 'decodes %25 at the end', 'GetShape', { id: 'a%' }),
  gets('/v1/shapes/a%2e%2e', 'decodes dots within a segment', 'GetShape', { id: 'a..' }),
  gets('/v1/shapes/...', 'takes three dots', 'GetShape', { id: '...' }),
  gets('/v1/shapes/..%2Fa', 'decodes ../ in a single segment, where it is only text', 'GetShape', { id: '../a' }),
  gets('/v1/shapes/a+b', 'takes a plus as it is', 'GetShape', { id: 'a+b' }),
  gets(`/v1/shapes/${all}`, 'takes everything that RFC 3986 allows', 'GetShape', { id: all }),
  refuses('GET', '/v1/shapes/a%zz', 'refuses an escape without digits', ['id']),
  refuses('GET', '/v1/shapes/a%2', 'refuses half an escape', ['id']),
  refuses('GET', '/v1/shapes/%ff', 'refuses an escape that is not UTF-8', ['id']),
  refuses('GET', '/v1/shapes/%c0%af', 'refuses an overlong escape', ['id']),
  refuses('GET', '/v1/shapes/%ed%a0%80', 'refuses an escaped surrogate', ['id']),
  refuses('GET', '/v1/shapes/a%00', 'refuses NUL', ['id']),
  refuses('GET', '/v1/files/a/%00', 'refuses NUL in **', ['name']),
  refuses('GET', '/v1/shapes/a"b', 'refuses a quote that is not escaped', ['id']),
  refuses('GET', '/v1/shapes/{id}', 'refuses a template that was not filled in', ['id']),
  refuses('GET', '/v1/shapes/a\\b', 'refuses a backslash', ['id']),
  refuses('GET', '/v1/shapes/a#b', 'refuses a fragment', ['id']),
  refuses('GET', '/v1/shapes/\u00e9', 'refuses bytes beyond ASCII', ['id']),
  gets('/v1/typed/-7/9223372036854775807/true/COLOR_BLUE/-_8', 'reads a value of each type', 'GetTyped', {
    int32Value: -7,
    int64Value: '9223372036854775807',
    boolValue: true,
    bytesValue: '+/8=',
    colorValue: 'COLOR_BLUE',
  }),
  gets('/v1/typed/1/1/false/2/AA', 'reads an enum by its number', 'GetTyped', {
    int32Value: 1,
    int64Value: '1',
    bytesValue: 'AA==',
    colorValue: 'COLOR_BLUE',
  }),
  refuses('GET', '/v1/typed/x/9223372036854775808/1/COLOR_GREEN/A', 'reports every variable', [
    'int32_value',
    'int64_value',
    'bool_value',
    'color_value',
    'bytes_value',
  ]),
  refuses('GET', '/v1/leaves/a/9999999999', 'names a nested field', ['tree.kind']),
  gets('/v1/cases/a', 'binds a member of a oneof', 'GetCase', { caseText: 'a' }),
  refuses('GET', '/v1/cases/a?caseInt=1', 'refuses another member of the oneof in the query', ['case_int']),
  refuses('POST', '/v1/cases/a', 'refuses another member of the oneof in the body', ['case_text'], {
    body: '{"caseInt": 1}',
  }),
  calls(
    'POST',
    '/v1/cases/a',
    'takes the same member of the oneof in the body',
    'PostCase',
    { caseText: 'a' },
    {
      body: '{"caseText": "a"}',
    },
  ),
];
