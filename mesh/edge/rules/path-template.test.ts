import { describe, expect, it } from 'vitest';
import { PathTemplateError, parsePathTemplate } from './path-template.ts';

/** Writes a parsed template: its segments, its verb, and each variable with the segments that it takes. */
function written(source: string): string {
  const { segments, variables, verb } = parsePathTemplate(source);
  const texts = segments.map((segment) =>
    segment.kind === 'literal' ? segment.text : { single: '*', rest: '**' }[segment.kind],
  );
  const bound = variables.map(
    ({ fieldPath, start, end, isMultiSegment }) => `${fieldPath}=${start}..${end}${isMultiSegment ? '+' : ''}`,
  );
  return [texts.join('/'), verb === undefined ? '' : `:${verb}`, ...bound].filter((part) => part !== '').join(' ');
}

describe('a path template', () => {
  it.each([
    ['/v1', 'v1'],
    ['/v1/things', 'v1/things'],
    ['/v1/*', 'v1/*'],
    ['/v1/**', 'v1/**'],
    ['/**', '**'],
    ['/v1/things:sort', 'v1/things :sort'],
    ['/v1/{id}', 'v1/* id=1..2'],
    ['/v1/{id}:cancel', 'v1/* :cancel id=1..2'],
    ['/v1/{a.b.c_2}/x', 'v1/*/x a.b.c_2=1..2'],
    ['/v1/{id=*}', 'v1/* id=1..2'],
    ['/v1/{rest=**}', 'v1/** rest=1..2+'],
    ['/v1/{name=things/*}', 'v1/things/* name=1..3+'],
    ['/v1/{name=things/*/parts/**}:read', 'v1/things/*/parts/** :read name=1..5+'],
    ['/v1/{a}/{b=x/*}/{c=**}', 'v1/*/x/*/** a=1..2 b=2..4+ c=4..5+'],
    ['/v1/{kind=fixed}/x', 'v1/fixed/x kind=1..2'],
    ["/v1/a-b_c.d~e!$&'()+,;@", "v1/a-b_c.d~e!$&'()+,;@"],
    ['/v1/*:a', 'v1/* :a'],
  ])('parses %s', (source, expected) => {
    expect(written(source)).toBe(expected);
  });

  it.each([
    ['', 'start with a slash'],
    ['v1', 'start with a slash'],
    ['/', 'empty segment'],
    ['//v1', 'empty segment'],
    ['/v1/', 'empty segment'],
    ['/v1//x', 'empty segment'],
    ['/v1/:verb', 'empty segment'],
    ['/v1:', 'empty segment or verb'],
    ['/v1/.', 'no path has a segment .'],
    ['/v1/../x', 'no path has a segment ..'],
    ['/v1/a?b', 'not allowed'],
    ['/v1/a#b', 'not allowed'],
    ['/v1/a b', 'not allowed'],
    ['/v1/a%2Fb', 'not allowed'],
    ['/v1/é', 'not allowed'],
    ['/v1/a*', 'not allowed'],
    ['/v1/***', 'not allowed'],
    ['/v1/a=b', 'not allowed'],
    ['/v1/a:b/c', 'not allowed'],
    ['/v1/a:b:c', 'not allowed'],
    ['/v1/x:*', 'not allowed'],
    ['/v1/**/x', '** has to be its last segment'],
    ['/v1/{a=**}/x', '** has to be its last segment'],
    ['/v1/{a=**/x}', '** has to be its last segment'],
    ['/v1/{}', 'not the name of a field'],
    ['/v1/{1}', 'not the name of a field'],
    ['/v1/{a-}', 'not the name of a field'],
    ['/v1/{a..b}', 'not the name of a field'],
    ['/v1/{a.}', 'not the name of a field'],
    ['/v1/{ a}', 'not the name of a field'],
    ['/v1/{a', 'no closing brace'],
    ['/v1/{a=x/*', 'no closing brace'],
    ['/v1/{a=}', 'empty segment'],
    ['/v1/{a=x//y}', 'empty segment'],
    ['/v1/{a={b}}', 'cannot contain another'],
    ['/v1/{a=x:y}', 'not allowed'],
    ['/v1/a}', 'not expected'],
    ['/v1/{a}}', 'not expected'],
    ['/v1/{a}b', 'not expected'],
    ['/v1/{a}{b}', 'not expected'],
    ['/v1/x{a}', 'not expected'],
    ['/v1/{a}/{a}', 'binds the field a twice'],
    ['/v1/{a}:x{b}', 'not allowed'],
  ])('refuses %s', (source, problem) => {
    expect(() => parsePathTemplate(source)).toThrow(PathTemplateError);
    expect(() => parsePathTemplate(source)).toThrow(problem);
  });
});
