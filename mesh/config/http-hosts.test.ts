import { describe, expect, it } from 'vitest';
import { readConfig } from './config.ts';

const read = (text: string) => readConfig({ HTTP_HOSTS: text }).httpHosts;

describe('HTTP_HOSTS', () => {
  it.each([
    ['', []],
    ['api.example', ['api.example']],
    [' API.example , ordermesh', ['api.example', 'ordermesh']],
    ['my_upstream,a-b.example', ['my_upstream', 'a-b.example']],
  ])('is "%s"', (text, names) => {
    expect(read(text)).toEqual(new Set(names));
  });

  it('is any name as *', () => {
    expect(read('*')).toBe('*');
  });

  it.each([
    ['a,,b', /has an empty name: remove a comma/],
    ['*,a.example', /has \* and other names: use \* alone/],
    ['*.example', /has a pattern "\*.example": list each name/],
    ['https://a.example', /has a URL "https:\/\/a.example": write only its host name/],
    ['a.example:443', /has a port in "a.example:443": leave it out/],
    ['127.0.0.1', /has "127.0.0.1", which is not a host name: addresses need not be listed/],
    ['[::1]', /which is not a host name/],
    ['a b', /which is not a host name/],
    ['.example', /which is not a host name/],
  ])('is refused as "%s"', (text, problem) => {
    expect(() => read(text)).toThrow(problem);
  });
});
