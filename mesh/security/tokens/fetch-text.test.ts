import { describe, expect, it } from 'vitest';
import { serveKeys } from '../testing/served-keys.ts';
import { fetchText } from './fetch-text.ts';

const limits = { timeoutMs: 200, maxBytes: 1_000 };

describe('a text over HTTP', () => {
  it('is given up if its server never answers', async () => {
    const { url } = await serveKeys(() => undefined);
    await expect(fetchText(url, limits)).rejects.toThrow('no complete answer within 200 ms');
  });

  it('is given up if its server sends a byte now and then', async () => {
    const { url } = await serveKeys((_, response) => {
      const timer = setInterval(() => response.write(' '), 50);
      response.once('close', () => clearInterval(timer));
    });
    await expect(fetchText(url, limits)).rejects.toThrow('no complete answer within 200 ms');
  });

  it('is refused over TLS from a server without TLS', async () => {
    const { url } = await serveKeys('{}');
    await expect(fetchText(url.replace('http:', 'https:'), { ...limits, timeoutMs: 5_000 })).rejects.toThrow(
      /SSL|EPROTO/i,
    );
  });
});
