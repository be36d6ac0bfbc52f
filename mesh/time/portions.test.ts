import { describe, expect, it } from 'vitest';
import { createPortions } from './portions.ts';

describe('portions', () => {
  it('shrink while they take too long, and grow when they are short', () => {
    const portions = createPortions({ min: 50, max: 500, targetMs: 8 });
    const sizes = [3, 3, 3, 3, 3, 20, 20, 6, 20, 20, 20].map((ms) => {
      const { size } = portions;
      portions.took(ms);
      return size;
    });
    expect(sizes).toEqual([50, 100, 200, 400, 500, 500, 250, 125, 125, 62, 50]);
  });
});
