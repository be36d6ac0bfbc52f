import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { openHeldCarrier } from './held-carrier.ts';

it('books what it is asked for while it holds its answers, and sends them when it is released', async () => {
  await using folder = await tempFolder();
  await using carrier = await openHeldCarrier(join(folder.path, 'carrier.db'));
  carrier.hold();
  const address = { recipient: 'Ada', lines: ['Main Street 1'], city: 'Town', postal_code: '1', country_code: 'DE' };
  const asked = fetch(`${carrier.url}shipments/order-1`, { method: 'PUT', body: JSON.stringify(address) });
  await expect.poll(carrier.liveShipments).toEqual(['order-1']);
  expect(await Promise.race([asked, sleep(100, 'no answer')])).toBe('no answer');
  carrier.release();
  expect((await asked).status).toBe(201);
  expect((await fetch(`${carrier.url}shipments/order-1`)).status).toBe(200);
});
