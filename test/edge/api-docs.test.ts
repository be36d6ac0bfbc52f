import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { edgeService } from '../../services/edge/service.ts';
import { send } from './support/http.ts';

let mesh: TestMesh;

beforeAll(async () => {
  mesh = await startMesh([edgeService], { HTTP_LISTEN: '127.0.0.1:0' });
});
afterAll(() => mesh.stop());

const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(`http://${mesh.httpAddress}${path}`, { method, headers });

describe('/api/openapi.json', () => {
  it('is the document of the contracts', async () => {
    const response = await get('/api/openapi.json');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.text()).toBe(await readFile(new URL('../../gen/openapi.json', import.meta.url), 'utf8'));
  });

  it('is sent compressed, and not again to whom has it', async () => {
    // fetch decompresses by itself.
    const first = await get('/api/openapi.json', { 'accept-encoding': 'gzip' });
    expect(first.headers.get('content-encoding')).toBe('gzip');
    expect(first.headers.get('vary')).toBe('accept-encoding');
    expect(Number(first.headers.get('content-length'))).toBeLessThan(100_000);
    expect(await first.json()).toHaveProperty('openapi', '3.1.0');
    const etag = first.headers.get('etag') ?? '';
    for (const tag of [etag, etag.replace('-gzip', ''), `W/${etag}`]) {
      const again = await get('/api/openapi.json', { 'if-none-match': tag });
      expect([again.status, await again.text()]).toEqual([304, '']);
    }
    expect((await get('/api/openapi.json', { 'if-none-match': '"other"' })).status).toBe(200);
  });

  it('answers HEAD as GET, without the body', async () => {
    const plain = { 'accept-encoding': 'identity' };
    const [whole, head] = [await get('/api/openapi.json', plain), await get('/api/openapi.json', plain, 'HEAD')];
    expect(head.status).toBe(200);
    expect(head.headers.get('content-length')).toBe(String((await whole.bytes()).length));
    expect(await head.text()).toBe('');
  });
});

describe.each(['/', '/api', '/api/'])('%s', (path) => {
  it('leads a browser to the docs', async () => {
    const accept = 'text/html,application/xhtml+xml,*/*;q=0.8';
    const response = await fetch(`http://${mesh.httpAddress}${path}`, { headers: { accept }, redirect: 'manual' });
    expect([response.status, response.headers.get('location')]).toEqual([302, '/api/docs']);
    expect(response.headers.get('vary')).toBe('accept');
    expect((await get(path, { accept })).url).toBe(`http://${mesh.httpAddress}/api/docs`);
  });

  it('names them to others', async () => {
    const response = await get(path);
    expect(response.status).toBe(404);
    const detail = expect.stringMatching(/^GET \/\S* not found: .* \/api\/docs lists all$/);
    expect(await response.json()).toMatchObject({ detail });
    expect((await get(path, { accept: 'text/html' }, 'POST')).status).toBe(404);
  });
});

describe('/api/docs', () => {
  it('loads only what the server has, and no script that is written into it', async () => {
    const response = await get('/api/docs');
    const page = await response.text();
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self';");
    expect(page).not.toMatch(/<script(?![^>]* src=)|<style|\son\w+=|https?:/);
    const assets = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path);
    expect(assets.length).toBe(5);
    for (const path of assets) {
      const asset = await get(path);
      expect(asset.status, path).toBe(200);
      expect(asset.headers.get('x-content-type-options')).toBe('nosniff');
      expect((await asset.bytes()).length).toBeGreaterThan(100);
    }
  });

  it('is the same page with a slash at its end', async () => {
    const [page, typed] = [await get('/api/docs'), await get('/api/docs/')];
    expect(typed.status).toBe(200);
    expect(await typed.text()).toBe(await page.text());
    expect(typed.headers.get('content-security-policy')).toBe(page.headers.get('content-security-policy'));
    // It finds the document from there too.
    expect(await (await get('/api/docs/initializer.js')).text()).toContain("'/api/openapi.json'");
  });

  it.each([
    '/api/docs//',
    '/api/docs/package.json',
    '/api/docs/../docs',
    '/api/docs/..%2fpackage.json',
    '/api/docs/%2e%2e/openapi.json',
    '/api/docs/swagger-ui.css.map',
    '/api/docs//swagger-ui.css',
    '/api/docs/toString',
    '/api/docs/__proto__',
    '/api/%64ocs',
    '/api/openapi.json/',
    '/api/openapi.yaml',
  ])('has no page %s', async (path) => {
    // Sent as it is: fetch would resolve the dots.
    expect(await send(mesh.httpAddress ?? '', 'GET', path)).toMatchObject({
      status: 404,
      headers: { 'content-type': 'application/problem+json' },
    });
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('refuses %s', async (method) => {
    const response = await get('/api/docs', {}, method);
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET,HEAD');
  });
});
