import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GiftServiceContract } from '#gen/gift/v1/gift.contract.ts';
import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import { AccountServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { eventually, type GuardedMesh, startGuardedMesh, type TestCaller } from '#mesh/testing';
import { inventoryService } from '../inventory/service.ts';
import { paymentService } from '../payment/service.ts';
import { giftService } from './service.ts';

describe('the gift service, where calls are authenticated', () => {
  let mesh: GuardedMesh;
  let giftOfAda: string;
  const giftsOf = async (caller?: TestCaller) => (await mesh.callAs(caller)).client(GiftServiceContract);
  const operator = { subject: 'olga', roles: ['operator'] };

  beforeAll(async () => {
    mesh = await startGuardedMesh([inventoryService, paymentService, giftService]);
    const { client } = await mesh.callAs(operator);
    const price = { currencyCode: 'USD', minorUnits: 500n };
    await client(AccountServiceContract).openAccount({ accountId: 'ada', currencyCode: 'USD' });
    await client(AccountServiceContract).deposit({ requestId: randomUUID(), accountId: 'ada', amount: price });
    const item = { sku: 'lamp', name: 'Lamp', unitPrice: price, onHand: 10n };
    await client(InventoryServiceContract).createItem({ item });
    const gifts = await giftsOf({ subject: 'ada' });
    giftOfAda = (await gifts.sendGift({ requestId: randomUUID(), senderId: 'ada', sku: 'lamp' })).id;
  });
  afterAll(() => mesh?.stop());

  it('sends it, in steps that the service makes on behalf of the sender', async () => {
    const gifts = await giftsOf({ subject: 'ada' });
    await eventually(async () => expect(await gifts.getGift({ id: giftOfAda })).toMatchObject({ state: 'SENT' }));
    // The list follows the events a moment later.
    await eventually(async () =>
      expect(await Array.fromAsync(gifts.listGifts({ senderId: 'ada' }))).toMatchObject([{ id: giftOfAda }]),
    );
  });

  it('shows it to operators', async () => {
    await expect((await giftsOf(operator)).getGift({ id: giftOfAda })).resolves.toMatchObject({ senderId: 'ada' });
  });

  it('is closed to other users, who do not learn what exists', async () => {
    const gifts = await giftsOf({ subject: 'eve' });
    const denied = { reason: 'PERMISSION_DENIED' };
    await expect(gifts.getGift({ id: giftOfAda })).rejects.toMatchObject(denied);
    await expect(gifts.getGift({ id: randomUUID() })).rejects.toMatchObject(denied);
    await expect(Array.fromAsync(gifts.listGifts({ senderId: 'ada' }))).rejects.toMatchObject(denied);
    const asAda = { requestId: randomUUID(), senderId: 'ada', sku: 'lamp' };
    await expect(gifts.sendGift(asAda)).rejects.toMatchObject(denied);
  });

  it('is closed to callers without a token', async () => {
    const gifts = await giftsOf();
    await expect(gifts.getGift({ id: giftOfAda })).rejects.toMatchObject({ reason: 'UNAUTHENTICATED' });
  });
});
