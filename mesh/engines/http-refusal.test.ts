import { describe, expect, it } from 'vitest';
import { FirstBytes } from './http-refusal.ts';
import { clientPreface } from './native/http2/codec/frames.ts';

/** What is known after the first bytes, in two pieces. */
function inPieces(text: string, length: number) {
  const bytes = new FirstBytes();
  return bytes.add(Buffer.from(text.slice(0, length))) ?? bytes.add(Buffer.from(text.slice(length)));
}

describe('the first bytes of a connection', () => {
  it.each([
    'GET / HTTP/1.1\r\nhost: x\r\n\r\n',
    'POST /a?b=c HTTP/1.0\n\n',
    'HEAD * HTTP/1.1\r\n\r\n',
    'PRI * HTTP/1.1\r\n\r\n',
  ])('are a request of HTTP/1, wherever they are split: %j', (request) => {
    for (let length = 1; length < request.length; length += 1) {
      expect(inPieces(request, length)?.http1Answer).toMatch(/^HTTP\/1\.1 505 /);
    }
  });

  it.each([
    clientPreface.toString('latin1'),
    'Hello!\r\n',
    'GET / HTTP/1.1 x\r\n',
    'GET  HTTP/1.1\r\n',
    '\u0016\u0003\u0001',
  ])('are passed on complete if they are not: %j', (text) => {
    for (let length = 1; length < text.length; length += 1) {
      const first = inPieces(text, length);
      const passed = text.startsWith(String(first?.bytes)) && (first?.bytes.length ?? 0) >= length;
      expect(first).toMatchObject({ http1Answer: undefined });
      expect(passed).toBe(true);
    }
  });

  it('are passed on if they are too many for a request line', () => {
    expect(new FirstBytes().add(Buffer.from(`GET /${'a'.repeat(8 * 1024)}`))).toMatchObject({ http1Answer: undefined });
  });
});
