import { expect, it } from 'vitest';
import { createTestIssuer } from '../../../mesh/security/testing/test-issuer.ts';
import { chromium, startChromium } from '../../../mesh/testing/servers/chromium.ts';
import { describeWithServer } from '../../../mesh/testing/servers/servers.ts';
import { startMesh } from '../../../mesh/testing/start-mesh.ts';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';
import { edgeService } from '../../../services/edge/service.ts';
import { authSettings } from '../support/issuer-of-mesh.ts';
import { userServiceWith } from '../support/user-service.ts';
import { connectDevTools } from './support/dev-tools.ts';
import { openPage } from './support/page.ts';

describeWithServer(chromium, 'the page of the API, where calls are authenticated', () => {
  it('asks for a token, shows the API with it, and calls it', { timeout: 60_000 }, async () => {
    await using folder = await tempFolder();
    const issuer = await createTestIssuer();
    const users = userServiceWith({ getUser: async ({ id }) => ({ id, email: 'ada@example.com' }) });
    const settings = await authSettings(folder.path, issuer.keySet, issuer);
    const mesh = await startMesh([users, edgeService], { ...settings, HTTP_LISTEN: '127.0.0.1:0' });
    await using _ = { [Symbol.asyncDispose]: () => mesh.stop() };
    await using browser = await startChromium();
    using devTools = await connectDevTools(browser.devTools);

    const page = await openPage(devTools, `http://${mesh.httpAddress}/api/docs`);
    await page.until("document.querySelector('#sign-in')?.checkVisibility() === true");
    expect(await page.evaluate("document.body.innerText.includes('/api/users')")).toBe(false);
    // All of the API would take half a minute to draw.
    await page.evaluate(`
      const bundle = window.SwaggerUIBundle;
      window.SwaggerUIBundle = (options) => {
        globalThis.documented = Object.keys(options.spec.paths).length;
        const paths = { '/api/users/{id}': options.spec.paths['/api/users/{id}'] };
        return bundle({ ...options, spec: { ...options.spec, paths } });
      };
      true`);
    const enter = (token: string) =>
      page.evaluate(`
        document.querySelector('#sign-in input').value = '${token}';
        document.querySelector('#sign-in button').click()`);
    await enter('forged');
    await page.until("document.querySelector('#problem').textContent.includes('token is not valid')");
    await enter(await issuer.sign('user-1'));
    await page.until("document.querySelectorAll('.opblock-get').length === 1");
    expect(await page.evaluate('documented')).toBeGreaterThan(30);
    expect(await page.evaluate("document.querySelector('#sign-in').checkVisibility()")).toBe(false);

    await page.evaluate(`
      globalThis.operation = document.querySelector('.opblock-get');
      operation.querySelector('.opblock-summary-control').click()`);
    await page.until("operation.querySelector('.execute') !== null");
    await page.evaluate("operation.querySelector('.execute').click()");
    await page.until("operation.querySelector('.live-responses-table .response') !== null");
    const response = await page.evaluate("operation.querySelector('.live-responses-table .response').innerText");
    expect(response).toMatch(/^200.*ada@example.com/s);
    // The two answers without a good token.
    expect(page.errors).toEqual([expect.stringContaining('401'), expect.stringContaining('401')]);
  });
});
