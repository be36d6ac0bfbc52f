import type { Difference } from './difference.ts';

/** Paths, queries, headers and answers. */
export const differencesOfRequests: readonly Difference[] = [
  {
    because: 'RFC 9110 has HEAD wherever it has GET',
    probes: {
      'routes: serves HEAD by GET': '404',
    },
  },
  {
    because: 'a path that exists has its methods in `Allow`, and 405',
    probes: {
      'routes: never takes a known verb as part of the variable': '404',
      'routes: names the HTTP methods of a path': '404',
      'routes: names the HTTP method of a literal path': '404',
      'routes: has no route for OPTIONS': '404',
      'routes: does not serve HEAD where there is no GET': '404',
      'headers: ignores another method in a header of a POST': '404',
    },
  },
  {
    because: 'one resource has one path: a slash at its end is a mistake',
    probes: {
      'routes: refuses a slash at the end': 'GetShape {"id":"s1"}',
      'routes: refuses a slash at the end of a literal path': 'ListShapes {}',
      'routes: refuses a slash at the end of **': 'GetFile {"name":"a"}',
    },
  },
  {
    because: 'who normalises a path with `.`, `..` or an empty segment sees another one than who does not',
    probes: {
      'routes: refuses an empty segment in **': 'GetFile {"name":"a//b"}',
      'routes: refuses the segment .. as an id': 'GetShape {"id":".."}',
      'routes: refuses the segment .. in **': 'GetFile {"name":"a/../b"}',
      'routes: refuses an escaped ..': 'GetShape {"id":".."}',
      'routes: refuses a half escaped ..': 'GetFile {"name":"a/../b"}',
      'routes: refuses an escaped .': 'GetShape {"id":"."}',
      'routes: refuses .. before a verb': 'WatchShape {"id":".."}',
    },
  },
  {
    because: 'Envoy does not start with a `response_body`, so it was removed for it',
    probes: {
      'routes: finds a literal path': 'FindShapes {}, answered with {"shapes":[{"id":"s1","displayN…',
      'queries: repeats a nested list':
        'FindShapes {"filter":{"colors":["COLOR_RED","COLOR_BLUE"]}}, answered with {"shapes":[{"id":"s1","displayN…',
      'updates: takes a scalar as the body': 'SetNote {"name":"a"}, answered with {"name":"a","version":0}',
      'updates: takes a query next to a scalar':
        'SetNote {"name":"a","version":2}, answered with {"name":"a","version":2}',
    },
  },
  {
    because: 'without a body, the field that it would give is not set',
    probes: {
      'routes: takes the literal if it has the HTTP method': '400',
      'updates: takes no body as no field': 'CreateShape {"shape":{}}',
    },
  },
  {
    because: 'an invalid escape, NUL, or a character that has to be escaped is a fault of the client',
    probes: {
      'variables: refuses an escape without digits': 'GetShape {"id":"a%zz"}',
      'variables: refuses half an escape': 'GetShape {"id":"a%2"}',
      'variables: refuses NUL': 'GetShape {"id":"a\\u0000"}',
      'variables: refuses NUL in **': 'GetFile {"name":"a/\\u0000"}',
      'variables: refuses a quote that is not escaped': 'GetShape {"id":"a\\"b"}',
      'variables: refuses a template that was not filled in': 'GetShape {"id":"{id}"}',
      'variables: refuses a backslash': 'GetShape {"id":"a\\\\b"}',
      'queries: refuses an invalid escape': 'ListShapes {"stringValue":"%zz"}',
    },
  },
  {
    because: 'what the path gives may be in the body too if it is equal: so what GET returned can be sent back',
    probes: {
      'variables: takes the same member of the oneof in the body': '400',
    },
  },
  {
    because: 'enums are open: the service may know more values than the edge',
    probes: {
      'queries: keeps an enum number that it does not know': '400',
    },
  },
  {
    because: 'times and wrappers are one text in a query, and items of a list have no names',
    probes: {
      'queries: refuses a field of a list': 'ListShapes {"rangeList":[{"from":1}]}',
      'queries: refuses a part of a time': 'ListShapes {"time":"1970-01-01T00:00:01Z"}',
      'queries: refuses a part of a wrapper': 'ListShapes {"wrappedInt32":1}',
    },
  },
  {
    because: 'with the body `*` there is no query: the body is the whole request',
    probes: {
      'queries: refuses a query where the body is the request': 'CancelShape {"id":"s1","reason":"x"}',
    },
  },
  {
    because: 'who may call is decided by the path, so nothing else may name another resource',
    probes: {
      'queries: refuses what the path gives': 'GetShape {"id":"s2"}',
      'queries: refuses what the path gives, even if it is equal': 'GetShape {"id":"s1"}',
      'queries: refuses a nested field that the path gives':
        'GetLeaf {"tree":{"branch":{"leaf":"b"},"kind":"COLOR_RED"}}',
    },
  },
  {
    because: 'two readers of one request must not see two values',
    probes: {
      'queries: refuses a scalar twice': 'ListShapes {"stringValue":"b"}',
      'queries: refuses an equal scalar twice': 'ListShapes {"stringValue":"a"}',
      'queries: refuses a scalar under both names': 'ListShapes {"stringValue":"b"}',
      'queries: refuses a nested scalar twice': 'ListShapes {"range":{"from":2}}',
      'bodies: refuses a key twice': 'Echo {"int32Value":1}',
      'bodies: refuses a key twice, once escaped': 'Echo {"int32Value":1}',
      'bodies: refuses a field under both names': 'Echo {"int32Value":2}',
      'bodies: refuses a nested key twice': 'Echo {"range":{"from":1}}',
    },
  },
  {
    because: 'a misspelt field must not be lost without a word',
    probes: {
      'queries: refuses an empty name': 'ListShapes {}',
      'bodies: names a field that does not exist': 'Echo {}',
      'bodies: names a nested field that does not exist': 'Echo {"range":{}}',
      'bodies: names a field of an item': 'Echo {"rangeList":[{},{}]}',
      'bodies: names a field of an entry': 'Echo {"boolMap":{"true":{}}}',
      'bodies: has no fields named as those of objects': 'Echo {}',
      'updates: names a field of the body with its field': 'CreateShape {"shape":{}}',
    },
  },
  {
    because: 'web pages may send other types to any server without asking, so only JSON can change something',
    probes: {
      'headers: refuses text': 'Echo {"int32Value":7}',
      'headers: refuses a form': 'Echo {"int32Value":7}',
      'headers: refuses a body without a type': 'Echo {"int32Value":7}',
    },
  },
  {
    because: 'a charset or coding that the edge does not know would be read wrongly',
    probes: {
      'headers: refuses another charset': 'Echo {"int32Value":7}',
      'headers: refuses a coding that it does not know': 'Echo {"int32Value":7}',
    },
  },
  {
    because: 'a client may compress what it sends',
    probes: {
      'headers: reads a compressed body': '400',
    },
  },
  {
    because: 'an array with an end looks complete',
    probes: {
      'streams: cuts off the array of a stream that fails':
        'WatchShape {"id":"ends-DATA_LOSS"}, answered with [{"id":"s1","displayName":"Squa…',
    },
  },
];
