import { afterAll, beforeAll, expect, it } from 'vitest';
import { chromium, type StartedChromium, startChromium } from '../../../mesh/testing/servers/chromium.ts';
import { describeWithServer } from '../../../mesh/testing/servers/servers.ts';
import { startMesh, type TestMesh } from '../../../mesh/testing/start-mesh.ts';
import { allServices } from '../../../services/all.ts';
import { fillShop, shopOf } from '../../support/shop.ts';
import { connectDevTools, type DevTools } from './support/dev-tools.ts';
import { openPage } from './support/page.ts';
import { type PageServer, startPageServer } from './support/page-server.ts';

describeWithServer(chromium, 'a page in Chromium', () => {
  let pages: PageServer;
  /** Serves the same page, at an origin that the mesh does not allow. */
  let otherPages: PageServer;
  /** Of another site than the pages. */
  let origin: string;
  let mesh: TestMesh;
  let browser: StartedChromium;
  let devTools: DevTools;

  beforeAll(async () => {
    [pages, otherPages] = await Promise.all([startPageServer(), startPageServer()]);
    mesh = await startMesh(allServices, { HTTP_LISTEN: '127.0.0.1:0', HTTP_CORS_ORIGINS: pages.origin });
    origin = `http://localhost:${mesh.httpAddress?.split(':')[1]}`;
    const shop = shopOf(mesh.runtime);
    await fillShop(shop);
    // The id of the example in the API.
    await shop.users.createUser({ user: { id: 'user-1', name: 'Grace', email: 'grace@example.com' } });
    browser = await startChromium();
    devTools = await connectDevTools(browser.devTools);
  }, 60_000);

  afterAll(async () => {
    devTools?.[Symbol.dispose]();
    await browser?.[Symbol.asyncDispose]();
    await mesh?.stop();
    await pages?.[Symbol.asyncDispose]();
    await otherPages?.[Symbol.asyncDispose]();
  });

  const textOf = (id: string) => `document.getElementById('${id}').textContent`;

  it('calls the mesh at another origin, and follows an order until it is completed', async () => {
    const page = await openPage(devTools, `${pages.origin}/?mesh=${origin}`);
    await page.until(`document.readyState === 'complete' && ${textOf('refused')} !== ''`);
    for (const id of ['rest', 'connect', 'grpc-web']) expect(await page.evaluate(textOf(id))).toBe('ada@example.com');
    expect(await page.evaluate(textOf('changed'))).toMatch(/^200 Ada Lovelace "\d+"$/);
    expect(await page.evaluate(textOf('users'))).toBe('ada tom user-1');
    expect(await page.evaluate(textOf('refused'))).toMatch(/^5 .*nobody/);
    await page.evaluate("document.getElementById('order').click()");
    await page.until(`${textOf('states')}.includes('COMPLETED')`);
    const states = await page.evaluate("[...document.querySelectorAll('#states li')].map((item) => item.textContent)");
    expect((states as string[]).at(-1)).toBe('ORDER_STATE_COMPLETED');
    // That of the refused call.
    expect(page.errors).toEqual([expect.stringMatching(/status of 404 .*GetUser$/)]);
  }, 60_000);

  it('calls nothing from an origin that the mesh does not allow', async () => {
    const page = await openPage(devTools, `${otherPages.origin}/descriptors.binpb`);
    const send = (path: string, options: RequestInit) =>
      page.evaluate(
        `fetch('${origin}${path}', ${JSON.stringify(options)}).then(({ type, status }) => type + status, String)`,
      );
    expect(await send('/api/users/ada', {})).toBe('TypeError: Failed to fetch');
    expect(await send('/api/users/user-1', { method: 'DELETE' })).toBe('TypeError: Failed to fetch');
    // The browser sends it without a preflight.
    expect(await send('/api/orders/none:cancel', { method: 'POST', mode: 'no-cors' })).toBe(
      'TypeError: Failed to fetch',
    );
    expect(page.errors).toContainEqual(expect.stringMatching(/NotSameOrigin .*none:cancel$/));
    expect(page.errors).toContainEqual(expect.stringMatching(/CORS policy: No 'Access-Control-Allow-Origin'/));
    const { name } = await shopOf(mesh.runtime).users.getUser({ id: 'user-1' });
    expect(name).toBe('Grace');
  }, 60_000);

  it('shows the API, and calls it', async () => {
    const page = await openPage(devTools, `http://${mesh.httpAddress}/api/docs`);
    await page.until("document.querySelectorAll('.opblock').length > 50");
    await page.evaluate(`
      globalThis.operation = [...document.querySelectorAll('.opblock-get')].find((operation) =>
        operation.querySelector('[data-path="/api/users/{id}"]'));
      operation.querySelector('.opblock-summary-control').click()`);
    await page.until("operation.querySelector('.execute') !== null");
    await page.evaluate("operation.querySelector('.execute').click()");
    await page.until("operation.querySelector('.live-responses-table .response') !== null");
    expect(await page.evaluate("operation.querySelector('.live-responses-table .response').innerText")).toMatch(
      /^200.*"email": "grace@example.com"/s,
    );
    expect(page.errors).toEqual([]);
  }, 60_000);
});
