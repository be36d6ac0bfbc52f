import fc from 'fast-check';
import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { parseBaseUrl, requestUrl } from './request-url.ts';

const base = parseBaseUrl('http://shop.example:8080/api');

describe('the URL of a call', () => {
  it.each([
    ['/orders/1', 'http://shop.example:8080/api/orders/1'],
    ['/orders/1:cancel', 'http://shop.example:8080/api/orders/1:cancel'],
    ['/orders/', 'http://shop.example:8080/api/orders/'],
    ['/', 'http://shop.example:8080/api/'],
    ['/a b/é', 'http://shop.example:8080/api/a%20b/%C3%A9'],
    ['/a%2Fb%3Fc', 'http://shop.example:8080/api/a%2Fb%3Fc'],
    ['/@evil.example', 'http://shop.example:8080/api/@evil.example'],
    ['/http://evil.example'.replace('//', '/'), 'http://shop.example:8080/api/http:/evil.example'],
    ['/...', 'http://shop.example:8080/api/...'],
  ])('of %j is below the base', (path, url) => {
    expect(requestUrl(base, path)).toBe(url);
  });

  it.each([
    ['an absolute URL', 'http://evil.example/'],
    ['an absolute URL in capitals', 'HTTPS://evil.example/'],
    ['another host', '//evil.example/'],
    ['another host by backslashes', '/\\evil.example/'],
    ['a script', 'javascript:alert(1)'],
    ['nothing', ''],
    ['a relative path', 'orders/1'],
    ['a way up', '/orders/../../admin'],
    ['a way up at the end', '/orders/..'],
    ['an encoded way up', '/orders/%2e%2E/admin'],
    ['a half-encoded way up', '/orders/.%2e'],
    ['a way up with a tab, which URL parsers drop', '/orders/.\t./admin'],
    ['a segment .', '/orders/./1'],
    ['an id that is empty', '/users//orders'],
    ['an id with a query', '/orders/1?role=admin'],
    ['an id with a fragment', '/orders/1#'],
    ['an id with a backslash', '/orders/a\\b'],
    ['a new line', '/orders/1\r\nx: y'],
    ['a zero byte', '/orders/1\0'],
    ['half a character', '/orders/\ud800'],
    ['a bare %', '/orders/100%'],
  ])('is refused for %s', (_, path) => {
    expect(() => requestUrl(base, path)).toThrow(
      expect.objectContaining({ code: Status.INVALID_ARGUMENT, reason: 'INVALID_PATH' }),
    );
  });

  it('has as many segments below the base as its path, whatever an id in it is', () => {
    const idOrUnit = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('..', '%2e%2e', '.', '', '/', '\\', '?', '\t'),
    );
    const path = fc.array(idOrUnit, { minLength: 1, maxLength: 4 }).map((ids) => `/${ids.join('/')}`);
    fc.assert(
      fc.property(path, (text) => {
        let url: URL;
        try {
          url = new URL(requestUrl(base, text));
        } catch {
          return;
        }
        expect(url.href.startsWith('http://shop.example:8080/api/')).toBe(true);
        expect(url.pathname.split('/').length - 2).toBe(text.split('/').length - 1);
        expect(decodeURIComponent(url.pathname.slice('/api'.length))).toBe(decodeURIComponent(text));
      }),
      { numRuns: 500 },
    );
  });

  it('has the query: lists repeat their name, `undefined` is left out', () => {
    const params = {
      role: 'a&b',
      ids: ['1', '2'],
      limit: 10,
      at: 9007199254740993n,
      open: true,
      time: new Date(0),
      no: undefined,
    };
    const expected = '?role=a%26b&ids=1&ids=2&limit=10&at=9007199254740993&open=true&time=1970-01-01T00%3A00%3A00.000Z';
    expect(requestUrl(base, '/users', params)).toBe(`http://shop.example:8080/api/users${expected}`);
  });
});

describe('the base URL', () => {
  it.each(['http://shop.example', 'http://shop.example/'])('may be the root: %s', (text) => {
    expect(requestUrl(parseBaseUrl(text), '/orders')).toBe('http://shop.example/orders');
  });

  it('may have user and password, which no URL of a call has', () => {
    const withPassword = parseBaseUrl('https://ada:p%40ss@shop.example/api/');
    expect(withPassword.authorization).toBe(`Basic ${btoa('ada:p@ss')}`);
    expect(requestUrl(withPassword, '/orders')).toBe('https://shop.example/api/orders');
  });

  it.each([
    'shop.example',
    '/api',
    'ftp://shop.example',
    'http:shop.example',
    'http://a?b',
    'http://a#b',
    'http://%:%@a',
  ])('is refused: %s', (text) => {
    expect(() => parseBaseUrl(text)).toThrow(expect.objectContaining({ reason: 'INVALID_BASE_URL' }));
  });
});
