import { describe, expect, it } from 'vitest';
import { readConfig } from './config.ts';

const read = (text: string) => readConfig({ HTTP_CORS_ORIGINS: text }).httpCorsOrigins;

describe('HTTP_CORS_ORIGINS', () => {
  it.each([
    ['', []],
    ['https://shop.example', ['https://shop.example']],
    ['https://a.example,http://localhost:5173', ['https://a.example', 'http://localhost:5173']],
    [' https://a.example , http://[::1]:8443', ['https://a.example', 'http://[::1]:8443']],
    ['https://xn--caf-dma.example', ['https://xn--caf-dma.example']],
  ])('is "%s"', (text, origins) => {
    expect(read(text)).toEqual(new Set(origins));
  });

  it('is any origin as *', () => {
    expect(read('*')).toBe('*');
  });

  it.each([
    ['shop.example', /has "shop.example" without http:\/\/ or https:\/\/: write https:\/\/<host> or/],
    ['localhost:5173', /has "localhost:5173" without http:\/\/ or https:\/\//],
    ['//shop.example', /without http:\/\/ or https:\/\//],
    ['ftp://shop.example', /has "ftp:\/\/shop.example" without http:\/\/ or https:\/\//],
    ['https://', /has "https:\/\/", which is not an origin/],
    ['https://a b', /which is not an origin/],
    ['https://a.example:99999', /which is not an origin/],
    ['https://a.example/', /has "https:\/\/a.example\/", which browsers send as https:\/\/a.example: write it so$/],
    ['https://a.example/shop', /which browsers send as https:\/\/a.example: write it so$/],
    ['https://a.example?x=1', /which browsers send as https:\/\/a.example: write it so$/],
    ['https://a.example:443', /which browsers send as https:\/\/a.example: write it so$/],
    ['https://A.example', /which browsers send as https:\/\/a.example: write it so$/],
    ['https://café.example', /which browsers send as https:\/\/xn--caf-dma.example: write it so$/],
    ['https://*.example', /has a pattern "https:\/\/\*.example": list each origin, or use \* alone$/],
    ['https://a.example,*', /has \* and other origins: use \* alone, or leave it out$/],
    ['*,*', /has \* and other origins/],
    ['https://a.example,', /has an empty origin: remove a comma$/],
    ['https://a.example;https://b.example', /which is not an origin/],
    ['https://a.example https://b.example', /which is not an origin/],
    ['null', /has the origin null, which any page can have: leave it out$/],
    ['http://a.example,b.example', /has "b.example" without/],
  ])('is refused as "%s"', (text, problem) => {
    expect(() => read(text)).toThrow(/^HTTP_CORS_ORIGINS is ".*", which has /);
    expect(() => read(text)).toThrow(problem);
  });

  it('is refused with a user, without its password', () => {
    expect(() => read('https://me:secret@shop.example')).toThrow(/has an origin with a user: leave the user out$/);
    expect(() => read('https://me:secret@shop.example')).not.toThrow(/secret/);
  });
});
