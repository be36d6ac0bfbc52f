import { describe, expect, it } from 'vitest';
import { withCommandsHere } from './commands-here.ts';

describe('the commands that texts name', () => {
  it.each([
    ['run "make audit"', 'run "ordermesh audit"'],
    ['then "make replay GROUP=readers", or', 'then "ordermesh replay readers", or'],
    ['rebuild it with "make rebuild PROJECTION=order-list"', 'rebuild it with "ordermesh rebuild order-list"'],
    ['see "make status" and "make dead-letters"', 'see "ordermesh status" and "ordermesh dead-letters"'],
  ])('are those of the program outside of the repository: %s', (text, outside) => {
    expect(withCommandsHere(text, false)).toBe(outside);
    expect(withCommandsHere(text)).toBe(text);
  });

  it.each(['run "make start"', 'make audit', '{"text":"they say \\"make audit\\""}'])(
    'are left alone in %s',
    (text) => {
      expect(withCommandsHere(text, false)).toBe(text);
    },
  );
});
