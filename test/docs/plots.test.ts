import { describe, expect, it } from 'vitest';
import { drawBars } from '../../bench/support/plot.ts';
import { readText } from './support/compose-file.ts';

/** Wider than a letter of DejaVu Sans at 13 px, on average. */
const letterWidth = 7.2;

/** Where the texts of a plot begin, and how far it is wide. */
function measured(svg: string) {
  const labels = [...svg.matchAll(/<text x="([\d.]+)" [^>]*text-anchor="end">([^<]*)</g)];
  const values = [...svg.matchAll(/<text x="([\d.]+)" y="\d+">([^<]*)</g)];
  return {
    title: Number(/class="title" x="(\d+)"/.exec(svg)?.[1]),
    starts: labels.map(([, end, text = '']) => Number(end) - text.length * letterWidth),
    ends: values.map(([, start, text = '']) => Number(start) + text.length * letterWidth),
    width: Number(/ width="(\d+)"/.exec(svg)?.[1]),
  };
}

describe('a plot of a benchmark', () => {
  it.each([['bench/engines.svg'], ['bench/orders.svg'], [undefined]])(
    'has room for all its texts: %s',
    async (path) => {
      const long = {
        name: 'a server with a very long name, and everything that it has',
        value: 1_234_567,
        ours: true,
      };
      const svg = path === undefined ? drawBars('Calls', [long]) : await readText(path);
      const { title, starts, ends, width } = measured(svg);
      expect(title).toBeGreaterThanOrEqual(10);
      expect(starts.length).toBeGreaterThan(0);
      expect(starts.length).toBe(ends.length);
      expect(Math.min(...starts)).toBeGreaterThanOrEqual(10);
      expect(Math.max(...ends)).toBeLessThan(width);
    },
  );
});
