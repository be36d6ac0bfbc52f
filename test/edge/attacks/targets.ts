import { type Attack, attack, get, postTo, request } from './attack.ts';

const good = '/api/users/good';
const notFound = 'PATH_NOT_FOUND';
const malformed = 'MALFORMED_HTTP';

/** Targets with more than one spelling, in more than one form. */
export const targets: readonly Attack[] = [
  attack('absolute form', get(`http://a${good}`), 200),
  attack('absolute form of another host', get(`http://evil.example${good}`), 200),
  attack('absolute form with a user', get(`http://u:p@evil.example${good}`), 200),
  attack('absolute form of another scheme', get(`ftp://a${good}`), 404, notFound),
  attack('a scheme alone', get('http://'), 404),
  attack('asterisk form', get('*'), 404, notFound),
  attack('asterisk form of OPTIONS', request('OPTIONS * HTTP/1.1', ['host: a']), 404, notFound),
  attack('authority form', get('a:80'), 400),
  attack('a target without a slash', get('api/users/good'), 400),
  attack('a fragment', get(`${good}#x`), 400),
  attack('two slashes', get(`/${good}`), 404, notFound),
  attack('two slashes inside', get('/api//users/good'), 404, notFound),
  attack('a slash at the end', get(`${good}/`), 404, notFound),
  ...['.', '..', '%2e', '%2e%2e', '.%2e', '%2E.'].map((dots) =>
    attack(`a segment ${dots}`, get(`/api/orders/${dots}/users/good`), 404, notFound),
  ),
  ...['..;', '%252e%252e', '..%2fgood', '..%5cgood', '%2f', 'a%2fb', 'a%00', '%00', 'a%0d%0ax-injected:%20b'].map(
    (id) => attack(`an id ${id}`, get(`/api/users/${id}`), 400, 'id'),
  ),
  ...['%c0%ae%c0%ae', '%e0%80%af', '%c1%9c', '%ed%a0%80', '%f4%90%80%80', '%ff', '%80', '%', '%2', '%zz', '%u0041'].map(
    (id) => attack(`an id that is not UTF-8: ${id}`, get(`/api/users/${id}`), 400, 'id'),
  ),
  attack('bytes of UTF-8', get('/api/users/\xc3\xa4'), 400),
  attack('a backslash', get('/api\\users\\good'), 404),
  attack('a tab', get('/api/users/a\tb'), 400),
  attack('a NUL', get('/api/users/a\0b'), 400),
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'].map((name) =>
    attack(`a path ${name}`, get(`/${name}`), 404, notFound),
  ),
  attack('an id __proto__', get('/api/users/__proto__'), 400, 'id'),
  attack('an id constructor', get('/api/users/constructor'), 404, 'USER_NOT_FOUND'),
  attack('a verb constructor', get('/api/users/good:constructor'), 400, 'id'),
  // It is an account that could be read.
  attack('a verb __proto__', postTo('/api/accounts/a:__proto__', '{}'), 405),
  attack('a method of Object', postTo('/user.v1.UserService/constructor', '{}'), 404, notFound),
  attack('a service of Object', postTo('/__proto__/GetUser', '{}'), 404, notFound),
];

/** Parameters that are none. */
export const parameters: readonly Attack[] = [
  ...['__proto__', 'constructor', 'toString', '__proto__.limit', 'constructor.prototype.limit', 'limit.__proto__'].map(
    (name) => attack(`a parameter ${name}`, get(`/api/users?${name}=1`), 400, name),
  ),
  ...['NaN', 'Infinity', '-Infinity', '1e400', '1.5', '9007199254740993', '-9007199254740993', '0x10', '', '١'].map(
    (value) => attack(`a limit of ${value}`, get(`/api/users?limit=${encodeURIComponent(value)}`), 400, 'limit'),
  ),
  attack('a parameter twice', get('/api/users?limit=1&limit=2'), 400, 'limit'),
  attack('a parameter under two names', get('/api/users?afterId=a&after_id=b'), 400),
  attack('a parameter as an array', get('/api/users?limit[]=1'), 400),
  attack('a parameter that is not UTF-8', get('/api/users?role=%ff'), 400),
  attack('a parameter with an overlong slash', get('/api/users?role=%c0%af'), 400),
  attack('a parameter with a surrogate', get('/api/users?role=%ed%a0%80'), 400),
  attack('a second question mark', get('/api/users?limit=1?limit=2'), 400, 'limit'),
  attack('a method in a parameter', get('/api/users?_method=DELETE'), 400, '_method'),
  attack('a message of Connect', get('/user.v1.UserService/GetUser?encoding=json&message={"__proto__":1}'), 400),
];

/** Hosts that are not one. */
export const hosts: readonly Attack[] = [
  attack('no host', request(`GET ${good} HTTP/1.1`, []), 400, malformed),
  attack('two hosts', get(good, 'host: b'), 400, malformed),
  attack('two equal hosts', get(good, 'host: a'), 400, malformed),
  ...['a b', 'a/b', 'a,b', 'a@b', 'a?b', 'a#b', 'a\\b', '<a>', '"a"', '[::1', 'a:port'].map((host) =>
    attack(`the host ${host}`, request(`GET ${good} HTTP/1.1`, [`host: ${host}`]), 400, malformed),
  ),
  attack('no host in HTTP/1.0', request(`GET ${good} HTTP/1.0`, []), 200),
  ...['', 'a', 'a.example:80', '127.0.0.1', '[::1]:80', 'a_b-c.d'].map((host) =>
    attack(`the good host ${host}`, request(`GET ${good} HTTP/1.1`, [`host: ${host}`]), 200),
  ),
];
