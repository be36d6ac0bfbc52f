import { describe, expect, it } from 'vitest';
import { parseResolvConf, searchNames } from './search-names.ts';

describe('parseResolvConf', () => {
  it('reads the rules that Kubernetes writes for a pod', () => {
    const text = `search production.svc.cluster.local svc.cluster.local cluster.local
nameserver 10.96.0.10
options ndots:5
`;
    expect(parseResolvConf(text)).toEqual({
      search: ['production.svc.cluster.local', 'svc.cluster.local', 'cluster.local'],
      ndots: 5,
    });
  });

  it('uses the last of several lines, and ignores comments', () => {
    const text = '# search a\nsearch b.test.\ndomain c.test ; d.test\noptions timeout:1 ndots:2\noptions rotate';
    expect(parseResolvConf(text)).toEqual({ search: ['c.test'], ndots: 2 });
  });

  it.each(['', 'nonsense', 'search', 'options ndots:many'])('has no suffixes and one dot for %j', (text) => {
    expect(parseResolvConf(text)).toEqual({ search: [], ndots: 1 });
  });
});

describe('searchNames', () => {
  const rules = { search: ['a.test', 'b.test'], ndots: 2 };

  it('completes a name with few dots before it tries it as it is', () => {
    expect(searchNames('user', rules)).toEqual(['user.a.test', 'user.b.test', 'user']);
  });

  it('tries a name with many dots as it is first', () => {
    expect(searchNames('user.production.svc', rules)).toEqual([
      'user.production.svc',
      'user.production.svc.a.test',
      'user.production.svc.b.test',
    ]);
  });

  it('does not complete a name that ends with a dot', () => {
    expect(searchNames('user.', rules)).toEqual(['user']);
  });
});
