import { describe, expect, it } from 'vitest';
import { checkNames, pluralOf, refusePlurals } from './names.ts';

describe('the names of a new service', () => {
  it('are those that are given, or follow from the name', () => {
    expect(checkNames({ name: 'catalog', resource: '', plural: '' })).toEqual({
      service: 'catalog',
      resource: 'catalog',
      resources: 'catalogs',
    });
    expect(checkNames({ name: 'staff', resource: 'Person', plural: 'people' })).toEqual({
      service: 'staff',
      resource: 'person',
      resources: 'people',
    });
  });

  it.each([
    ['', '', '', /no name: .* NAME=catalog/],
    ['Catalog', '', '', /invalid NAME "Catalog"/],
    ['price-list', '', '', /invalid NAME "price-list"/],
    ['../catalog', '', '', /invalid NAME "\.\.\/catalog"/],
    ['catalog\n', '', '', /invalid NAME/],
    ['c', '', '', /invalid NAME "c"/],
    ['a'.repeat(31), '', '', /invalid NAME/],
    ['package', '', '', /NAME=package is a reserved word of Go/],
    ['interface', '', '', /reserved word of Go/],
    ['synchronized', '', '', /reserved word of Java/],
    ['crate', '', '', /reserved word of Rust/],
    ['lambda', '', '', /reserved word of Python/],
    ['typeof', '', '', /reserved word of /],
    ['message', '', '', /reserved word of protocol buffers/],
    ['carrier', '', '', /taken by the mesh itself/],
    ['catalog', 'product', '', /invalid RESOURCE "product"/],
    ['catalog', 'PriceList', '', /invalid RESOURCE "PriceList"/],
    ['catalog', 'Class', '', /RESOURCE=class is a reserved word/],
    ['catalog', 'Value', '', /values cannot name a table, SQL reserves it/],
    ['catalog', 'Product', 'product', /plural of product has to be another word/],
    ['news', '', '', /the plural of news has to be another word: set PLURAL, as in PLURAL=newsitems/],
    ['catalog', 'Product', 'Products', /invalid PLURAL "Products"/],
    ['catalog', 'Product', 'select', /PLURAL=select is a reserved word/],
  ])('cannot be NAME=%j RESOURCE=%j PLURAL=%j', (name, resource, plural, problem) => {
    expect(() => checkNames({ name, resource, plural })).toThrow(problem);
  });

  it.each([
    ['catalogs', '', /^NAME=catalogs is a plural: use NAME=catalog$/],
    ['catalog', 'Products', /^RESOURCE=products is a plural: use RESOURCE=Product$/],
    ['catalog', 'Boxes', /: use RESOURCE=Box$/],
    ['catalog', 'Houses', /: use RESOURCE=House$/],
    ['catalog', 'Addresses', /: use RESOURCE=Address$/],
    ['catalog', 'Categories', /: use RESOURCE=Category$/],
  ])('are no plurals: NAME=%s RESOURCE=%s', (name, resource, problem) => {
    expect(() => refusePlurals(checkNames({ name, resource, plural: '' }))).toThrow(problem);
  });

  it('may end in s if they are singular', () => {
    for (const [name, plural] of [
      ['address', 'addresses'],
      ['lens', 'lenses'],
    ] as const) {
      const names = checkNames({ name, resource: '', plural: '' });
      expect(names.resources).toBe(plural);
      expect(() => refusePlurals(names)).not.toThrow();
    }
  });

  it.each([
    ['product', 'products'],
    ['category', 'categories'],
    ['key', 'keys'],
    ['box', 'boxes'],
    ['branch', 'branches'],
  ])('has for %s the plural %s', (word, plural) => {
    expect(pluralOf(word)).toBe(plural);
  });
});
