import { describe, expect, it } from 'vitest';
import { chooseType } from './accept.ts';

const offered = ['application/json', 'application/x-ndjson', 'text/event-stream'] as const;

describe('the media type of an answer', () => {
  it.each([
    [undefined, 'application/json'],
    ['', 'application/json'],
    ['*/*', 'application/json'],
    ['application/*', 'application/json'],
    ['text/*', 'text/event-stream'],
    ['text/event-stream', 'text/event-stream'],
    ['Application/X-NDJSON', 'application/x-ndjson'],
    ['application/json;charset=utf-8', 'application/json'],
    ['text/html, application/xhtml+xml, */*;q=0.8', 'application/json'],
    ['application/json;q=0.5, text/event-stream;q=0.9', 'text/event-stream'],
    ['application/json;q=0.5, text/event-stream;q=0.5', 'application/json'],
    // The most specific range counts, wherever it stands.
    ['*/*, application/json;q=0', 'application/x-ndjson'],
    ['application/json;q=0.1, */*;q=0.9', 'application/x-ndjson'],
    ['application/*;q=0.2, text/event-stream;q=0.1', 'application/json'],
    ['application/json ; q=0.30 , application/x-ndjson;level=1;q=0.400', 'application/x-ndjson'],
  ])('for Accept %j is %s', (accept, type) => {
    expect(chooseType(accept, offered)).toBe(type);
  });

  it.each([
    'text/html',
    'application/json;q=0',
    '*/*;q=0',
    'application/json;q=0.0, text/plain',
    'nonsense',
    'application/json;q=2',
  ])('does not exist for Accept %j', (accept) => {
    expect(() => chooseType(accept, ['application/json'])).toThrow(
      expect.objectContaining({ reason: 'NOT_ACCEPTABLE', message: expect.stringContaining('application/json') }),
    );
  });
});
