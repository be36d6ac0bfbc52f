import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteByByte, inPieces } from './support/pieces.ts';
import { recordConnection } from './support/recorded-connection.ts';
import { sessions } from './support/sessions.ts';

const seed = Number(process.env.FUZZ_SEED ?? 20_240_404);

describe('a connection', () => {
  it('reports and sends the same however its input is split', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(sessions, sizes, async (frames, sizes) => {
        const bytes = Buffer.concat(frames);
        const whole = await recordConnection([bytes]);
        expect(whole.ended).toBe(false);
        expect(await recordConnection(byteByByte(bytes))).toEqual(whole);
        expect(await recordConnection(inPieces(bytes, sizes))).toEqual(whole);
      }),
      { seed, numRuns: 200 },
    );
  });

  it('ends each stream that it started, and reports its own end once', async () => {
    await fc.assert(
      fc.asyncProperty(sessions, async (frames) => {
        const { events } = await recordConnection(frames);
        const ids = (kind: string) =>
          events.filter((event) => event.startsWith(kind)).map((event) => event.split(' ')[1]);
        const started = ids('request');
        const over = [...ids('ended'), ...ids('aborted')];
        expect(new Set(over)).toEqual(new Set(started));
        expect(events.filter((event) => event.startsWith('closed'))).toHaveLength(1);
      }),
      { seed, numRuns: 200 },
    );
  });
});
