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
  let mesh: TestMesh;
  let browser: StartedChromium;
  let devTools: DevTools;

  beforeAll(async () => {
    mesh = await startMesh(allServices, { HTTP_LISTEN: '127.0.0.1:0' });
    pages = await startPageServer(mesh.httpAddress ?? '');
    await fillShop(shopOf(mesh.runtime));
    browser = await startChromium();
    devTools = await connectDevTools(browser.devTools);
  }, 60_000);

  afterAll(async () => {
    devTools?.[Symbol.dispose]();
    await browser?.[Symbol.asyncDispose]();
    await mesh?.stop();
    await pages?.[Symbol.asyncDispose]();
  });

  const textOf = (id: string) => `document.getElementById('${id}').textContent`;

  it('calls the mesh, and follows an order until it is completed', async () => {
    const page = await openPage(devTools, `${pages.origin}/`);
    await page.until(`document.readyState === 'complete' && ${textOf('refused')} !== ''`);
    for (const id of ['rest', 'connect', 'grpc-web']) expect(await page.evaluate(textOf(id))).toBe('ada@example.com');
    expect(await page.evaluate(textOf('users'))).toBe('ada tom');
    expect(await page.evaluate(textOf('refused'))).toMatch(/^5 .*nobody/);
    await page.evaluate("document.getElementById('order').click()");
    await page.until(`${textOf('states')}.includes('COMPLETED')`);
    const states = await page.evaluate("[...document.querySelectorAll('#states li')].map((item) => item.textContent)");
    expect(states).toEqual(expect.arrayContaining(['ORDER_STATE_COMPLETED']));
    expect(page.errors).toEqual([]);
  }, 60_000);

  it('shows the API, and calls it', async () => {
    const page = await openPage(devTools, `http://${mesh.httpAddress}/api/docs`);
    await page.until("document.querySelectorAll('.opblock').length > 50");
    expect(page.errors).toEqual([]);
    await page.screenshot('/tmp/e8-docs.png');
  }, 60_000);
});
