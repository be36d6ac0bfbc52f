import http from 'node:http';
import https from 'node:https';

export interface FetchTextOptions {
  /** PEM of authorities that may sign the certificate of the server. Default: those of Node. */
  readonly ca?: string | Buffer | undefined;
  /** For the whole exchange. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

/**
 * Gets a text over HTTP. Rejects with an Error whose text says what is wrong for any answer but 200, also for
 * redirects, and if the answer is too large or late.
 */
export async function fetchText(url: string, { ca, timeoutMs, maxBytes }: FetchTextOptions): Promise<string> {
  const late = AbortSignal.timeout(timeoutMs);
  try {
    const response = await get(url, { ca, signal: late });
    const { statusCode } = response;
    if (statusCode !== 200) {
      response.destroy();
      throw new Error(`HTTP ${statusCode}`);
    }
    return await readText(response, maxBytes);
  } catch (error) {
    if (late.aborted) throw new Error(`no complete answer within ${timeoutMs} ms`);
    throw error;
  }
}

function get(url: string, options: https.RequestOptions): Promise<http.IncomingMessage> {
  const { request } = url.startsWith('https:') ? https : http;
  const headers = { accept: 'application/jwk-set+json, application/json', connection: 'close' };
  return new Promise((resolve, reject) => {
    request(url, { ...options, rejectUnauthorized: true, headers, agent: false })
      .on('response', resolve)
      .on('error', reject)
      .end();
  });
}

async function readText(response: http.IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error(`more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
