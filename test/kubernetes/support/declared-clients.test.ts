import { expect, it } from 'vitest';
import { withoutComments } from './declared-clients.ts';

it('what a comment mentions is no code', () => {
  const source = [
    '/** As `endpoints` does. */',
    "const url = 'http://endpoints'; // endpoints",
    '  // endpoints',
    'const found = endpoints.of(name);',
  ];
  expect(
    withoutComments(source.join('\n'))
      .split('\n')
      .map((line) => line.trim()),
  ).toEqual(['', "const url = 'http://endpoints';", '', 'const found = endpoints.of(name);']);
});
