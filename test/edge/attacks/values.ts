import { type Attack, attack, post, postTo } from './attack.ts';

const deposit = (amount: string) =>
  postTo(
    '/api/accounts/attacked:deposit',
    `{"amount": {"currency_code": "EUR", "minor_units": ${amount}}}`,
    'idempotency-key: attack',
  );
const publish = (headers: string) =>
  postTo('/api/topics/user.events:publish', `{"key": "a", "type": "ATTACKED", "json": "{}", "headers": ${headers}}`);
const connect = (body: string | Buffer) => postTo('/user.v1.UserService/GetUser', body);
const objectKeys = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype'];
const units = 'amount.minor_units';

/** Keys that JavaScript has a meaning for. */
export const keys: readonly Attack[] = [
  ...objectKeys.map((key) => attack(`a field ${key}`, post(`{"${key}": {"id": "a"}}`), 400, `user.${key}`)),
  ...objectKeys.map((key) => attack(`a field ${key} of Connect`, connect(`{"${key}": "a"}`), 400)),
  ...objectKeys.slice(1).map((key) => attack(`a header ${key} of an event`, publish(`{"${key}": "a"}`), 200)),
  attack('a header __proto__ of an event', publish('{"__proto__": "a"}'), 400),
  attack('an escaped __proto__', post('{"__pr\\u006fto__": 1}'), 400, 'user.__proto__'),
  attack('an id __proto__', post('{"id": "__proto__", "email": "a@example.com"}'), 400, 'user.id'),
  attack('a nested __proto__', deposit('{"__proto__": 1}'), 400, units),
  attack('a field twice', post('{"id": "a", "id": "b"}'), 400, 'user.id'),
  attack('a field twice, once escaped', post('{"id": "a", "\\u0069d": "b"}'), 400, 'user.id'),
  attack('a field under two names', post('{"createTime": null, "create_time": null}'), 400),
  attack('a key of a map twice', publish('{"a": "1", "a": "2"}'), 400),
];

/** Numbers that JSON does not have, or a double does not hold. */
export const numbers: readonly Attack[] = [
  ...['NaN', 'Infinity', '-Infinity', '01', '+1', '.5', '1.', '0x10', '1_000', '١', '--1', '1e'].map((text) =>
    attack(`the number ${text}`, deposit(text), 400),
  ),
  ...[
    '"NaN"',
    '"Infinity"',
    '1.5',
    '1e400',
    '1e-1',
    '9223372036854775808',
    '-9223372036854775809',
    '"1e3x"',
    'true',
    '""',
  ].map((text) => attack(`an integer of ${text}`, deposit(text), 400, units)),
  // Of an account that does not exist: it was read exactly, or the sum would be refused.
  attack('9007199254740993', deposit('9007199254740993'), 404),
  attack('a page of 2^53 + 1', postTo('/user.v1.UserService/ListUsers', '{"limit": 9007199254740993}'), 415),
];

/** Text that is not UTF-8, or no text. */
export const texts: readonly Attack[] = [
  attack('a lone high surrogate', post('{"name": "\\ud800"}'), 400, 'body'),
  attack('a lone low surrogate', post('{"name": "\\udc00a"}'), 400, 'body'),
  attack('surrogates the wrong way round', post('{"name": "\\udc00\\ud800"}'), 400, 'body'),
  attack('a surrogate in UTF-8', post(Buffer.from('7b226e616d65223a22eda080227d', 'hex')), 400),
  attack('an overlong quote', post(Buffer.from('7b22696422 3a22c0a2227d'.replace(' ', ''), 'hex')), 400),
  attack('a byte that is never UTF-8', post(Buffer.from('7b226964223a22ff227d', 'hex')), 400),
  attack('half a character', post(Buffer.from('7b226964223a22c3227d', 'hex')), 400),
  attack('a byte order mark', post('\ufeff{}'), 400),
  attack('UTF-16', post(Buffer.from('{"id":"a"}', 'utf16le')), 400),
  attack('a control character', post('{"name": "\u0001"}'), 400),
  attack('a NUL in an id', post('{"id": "a\\u0000", "email": "a@example.com"}'), 400, 'user.id'),
  attack('a line break in an id', post('{"id": "a\\r\\nx-injected: b", "email": "a@example.com"}'), 400, 'user.id'),
  ...[
    '',
    'null',
    '[]',
    '"a"',
    '1',
    'true',
    '{',
    '}',
    '{}{}',
    '{} x',
    '{"a":1,}',
    "{'id':'a'}",
    '{id:1}',
    '{}//a',
    '/**/{}',
  ].map((body) => attack(`the body ${body}`, post(body), 400)),
  attack('no bytes of Connect', connect(''), 400),
  attack('a list to Connect', connect('[]'), 400),
];
