import { type Attack, attack, get, post, postTo, request } from './attack.ts';

const good = '/api/users/good';
const overrides = ['x-http-method-override', 'x-http-method', 'x-method-override'];
const notAllowed = 'METHOD_NOT_ALLOWED';
const upgrade = (protocol: string, ...more: readonly string[]) =>
  get(good, 'connection: upgrade', `upgrade: ${protocol}`, ...more);
const line = (method: string, target = good) => request(`${method} ${target} HTTP/1.1`, ['host: a']);

/** Methods that the request does not have, or the edge. */
export const methods: readonly Attack[] = [
  ...overrides.map((name) => attack(`${name}: DELETE on GET`, get(good, `${name}: DELETE`), 200)),
  ...overrides.map((name) => attack(`${name}: DELETE on POST`, postTo(good, '{}', `${name}: DELETE`), 405, notAllowed)),
  ...overrides.map((name) => attack(`${name}: GET on POST`, post('{}', `${name}: GET`), 400, 'user.email')),
  attack('_method in a body', post('{"_method": "DELETE"}'), 400, 'user._method'),
  ...['TRACE', 'PUT', 'PROPFIND', 'QUERY', 'LOCK', 'PURGE', 'M-SEARCH'].map((method) =>
    attack(method, line(method), 405, notAllowed),
  ),
  attack('CONNECT', line('CONNECT', 'a:80'), 400, 'MALFORMED_HTTP'),
  attack('CONNECT to a path', line('CONNECT'), 400),
  ...['get', 'Get', 'FOO', 'GETS', 'G', '', '\u0000'].map((method) =>
    attack(`the method "${method}"`, line(method), 400),
  ),
];

/** What asks for another protocol, or for another behaviour. */
export const expectations: readonly Attack[] = [
  attack('Expect', get(good, 'expect: 200-ok'), 417, 'EXPECTATION_FAILED'),
  attack('Expect of a change', post('{}', 'expect: magic'), 417, 'EXPECTATION_FAILED'),
  { name: 'Expect twice', bytes: post('{}', 'expect: 100-continue', 'expect: magic'), answers: [100, 417] },
  { name: 'Expect: 100-continue', bytes: post('{}', 'expect: 100-continue'), answers: [100, 400] },
  attack('Upgrade: h2c', upgrade('h2c', 'http2-settings: AAMAAABkAAQCAAAAAAIAAAAA'), 200),
  attack(
    'Upgrade: websocket',
    upgrade('websocket', 'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==', 'sec-websocket-version: 13'),
    200,
  ),
  attack('Upgrade: TLS/1.2', upgrade('TLS/1.2'), 200),
  // Of what follows in the same packet, Node reads nothing.
  attack('a request after an upgrade', upgrade('h2c') + get('/api/nothing'), 200),
];

/** Values that come back in an answer. */
export const echoes: readonly Attack[] = [
  ...['a b', 'a\tb', '\xff', 'a'.repeat(129), ''].map((id) =>
    attack(`the request id "${id.slice(0, 9)}"`, get(good, `x-request-id: ${id}`), 200),
  ),
  attack('two request ids', get(good, 'x-request-id: a', 'x-request-id: b'), 200),
  attack('an idempotency key in latin1', post('{}', 'idempotency-key: \xff'), 400, 'Idempotency-Key'),
  attack('two idempotency keys', post('{}', 'idempotency-key: a', 'idempotency-key: b'), 400),
  attack('an etag in latin1', get(good, 'if-none-match: "\xff"'), 200),
  attack('an etag that is none', request(`DELETE ${good} HTTP/1.1`, ['host: a', 'if-match: x-injected']), 400),
  attack('a media type', get(good, 'accept: text/html; x="<script>"'), 406),
  attack('a trace', get(good, 'traceparent: x-injected'), 200),
  attack('a content type', postTo('/api/users', '{}', 'content-type: text/html'), 400),
];
