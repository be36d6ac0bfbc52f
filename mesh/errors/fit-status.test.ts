import { describe, expect, it } from 'vitest';
import { cutText } from './error-text.ts';
import { invalidRequest } from './errors.ts';
import { fitStatus } from './fit-status.ts';
import { decodeStatusDetails, type StatusDetails } from './status-details.ts';

const none: StatusDetails = { reason: 'R', metadata: {}, violations: [], retryAfterMs: undefined };
const maxBytes = 3_700;

function fitted(text: string, details: Partial<StatusDetails>, bytes = maxBytes) {
  const { text: sent, packed } = fitStatus(3, text, { ...none, ...details }, bytes);
  expect(encodeURI(sent).length + Math.ceil((packed.length * 4) / 3)).toBeLessThanOrEqual(bytes);
  return { text: sent, details: decodeStatusDetails(packed) };
}

function violations(count: number, description: string) {
  return Array.from({ length: count }, (_, index) => ({ field: `items[${index}]`, description }));
}

describe('fitting a status', () => {
  it('changes nothing if it fits', () => {
    const all = { metadata: { id: 'é' }, violations: violations(16, 'must not be empty'), retryAfterMs: 5 };
    expect(fitted('16 fields are not valid', all)).toEqual({
      text: '16 fields are not valid',
      details: { ...none, ...all },
    });
  });

  it.each(['€', '😀', 'é', 'a', '%', '"', '\n'])('cuts a text of %j between two characters', (character) => {
    const { text } = fitted(character.repeat(6_000), {});
    expect(text).toBe(`${character.repeat([...text].length - 1)}…`);
    // It has all the room that there is.
    expect([...text].length).toBeGreaterThan(100);
  });

  it('makes a lone surrogate sendable', () => {
    expect(fitted('a\ud800', {}).text).toBe('a\ufffd');
  });

  it('shortens descriptions before it leaves violations out', () => {
    const { details } = fitted('x', { violations: violations(30, '€'.repeat(100)) });
    expect(details.violations).toHaveLength(30);
    expect(details.violations[0]?.description).toMatch(/^€{5,40}…$/);
  });

  it('says how many violations it left out', () => {
    const { details } = fitted('x', { violations: violations(500, 'must not be empty, and must not be this either') });
    const sent = details.violations.length;
    expect(sent).toBeGreaterThan(30);
    expect(details.violations.at(-1)).toEqual({ field: '', description: `and ${501 - sent} more violations` });
  });

  it('shortens fields and leaves out metadata of any size', () => {
    const { details } = fitted('x', {
      metadata: { large: 'x'.repeat(100_000), small: 'y' },
      violations: [{ field: '€'.repeat(100_000), description: '€'.repeat(100_000) }],
    });
    expect(details.metadata).toEqual({ small: 'y', omitted: '1' });
    expect(details.violations).toHaveLength(1);
  });

  it('keeps the reason if there is room for nothing else', () => {
    const { text, details } = fitted('x'.repeat(1_000), { violations: violations(100, 'y') }, 150);
    expect([text, details.reason]).toEqual(['', 'R']);
  });

  it('takes milliseconds for an error of any size', () => {
    const huge = { violations: violations(100_000, '€'.repeat(100)), metadata: { x: '€'.repeat(1_000_000) } };
    const before = process.threadCpuUsage();
    for (let count = 0; count < 10; count += 1) fitted('€'.repeat(1_000_000), huge);
    const { user, system } = process.threadCpuUsage(before);
    expect((user + system) / 1_000).toBeLessThan(1_000);
  });

  it('takes less than 0.5 ms for a long text, which callers can cause with each call', () => {
    const times = 200;
    const fitAll = () => {
      for (let count = 0; count < times; count += 1) fitStatus(3, 'a'.repeat(3_900), none, maxBytes);
    };
    fitAll();
    const before = process.threadCpuUsage();
    fitAll();
    const { user, system } = process.threadCpuUsage(before);
    expect((user + system) / times).toBeLessThan(500);
  });
});

describe('an invalid request', () => {
  it('lists the first violations in its text, and says how many there are', () => {
    const { message } = invalidRequest(violations(100, 'must not be empty'));
    expect(message).toMatch(/^invalid request: items\[0\]: must not be empty; items\[1\]: .*; and \d+ more$/);
    expect(message.length).toBeLessThan(1_200);
  });
});

describe('cutting a text', () => {
  it('keeps a text that fits', () => {
    expect(cutText('€€', 6)).toBe('€€');
  });

  it('never splits a character', () => {
    expect(cutText('€€€', 8)).toBe('€…');
    expect(cutText('😀😀', 7)).toBe('😀…');
  });
});
