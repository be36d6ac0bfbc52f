import { describe, expect, it } from 'vitest';
import { entityTag, hasTag, readTagCondition, strongTags } from './entity-tags.ts';

const strong = (header: string) => {
  const condition = readTagCondition('If-Match', header);
  return condition === '*' ? '*' : strongTags(condition);
};

describe('an entity tag', () => {
  it('is strong and in quotes, and another one for compressed bytes', () => {
    expect(entityTag('7', false)).toBe('"7"');
    expect(entityTag('7', true)).toBe('"7-gzip"');
    expect(strong(entityTag('7', true))).toEqual(strong(entityTag('7', false)));
  });

  it.each([
    ['*', '*'],
    [' * ', '*'],
    ['"7"', ['7']],
    ['"7", "8"', ['7', '8']],
    ['"7","8",,"7"', ['7', '8']],
    ['W/"7"', []],
    ['W/"7", "8"', ['8']],
    ['"a,b"', ['a,b']],
    ['"*"', ['*']],
    // It would mean any version in a request.
    ['""', []],
  ])('of If-Match %j counts only if it is strong', (header, tags) => {
    expect(strong(header)).toEqual(tags);
  });

  it.each([
    ['"7"', true],
    ['W/"7"', true],
    ['"6", W/"7"', true],
    ['"7-gzip"', true],
    ['*', true],
    ['"6"', false],
    ['"77"', false],
  ])('of If-None-Match %j is compared with "7" weakly', (header, matches) => {
    expect(hasTag(readTagCondition('If-None-Match', header), '7')).toBe(matches);
  });

  it.each(['""', '"-gzip"', '"7"', 'W/""'])('of If-None-Match %s does not match an answer without a tag', (header) => {
    expect(hasTag(readTagCondition('If-None-Match', header), '')).toBe(false);
  });

  it('of an endless header is refused at once', () => {
    const header = `"a",${' \t'.repeat(500_000)}x`;
    const startMs = performance.now();
    expect(() => readTagCondition('If-Match', header)).toThrow(expect.objectContaining({ reason: 'INVALID_HEADER' }));
    // With a pattern that goes back, it would be hours.
    expect(performance.now() - startMs).toBeLessThan(2_000);
  });

  it.each(['7', '', ',', '"7', '7"', '"7" "8"', 'w/"7"', '"7", *', "'7'", '"a"b"', '"a b"', 'W/7'])(
    'is refused as %j',
    (header) => {
      expect(() => readTagCondition('If-Match', header)).toThrow(
        expect.objectContaining({
          reason: 'INVALID_HEADER',
          violations: [expect.objectContaining({ field: 'If-Match' })],
        }),
      );
    },
  );
});
