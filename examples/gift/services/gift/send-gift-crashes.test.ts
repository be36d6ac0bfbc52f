import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { GiftServiceContract } from '#gen/gift/v1/gift.contract.ts';
import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import { AccountServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { crashAtEveryStep, eventually, type Recording, type TestMesh } from '#mesh/testing';
import { inventoryService } from '../inventory/service.ts';
import { paymentService } from '../payment/service.ts';
import { giftService } from './service.ts';

const price = { currencyCode: 'USD', minorUnits: 500n };
const requestOf = (senderId: string) => ({ requestId: randomUUID(), senderId, sku: 'lamp', greeting: '' });
const [sent, unpaid, released] = [requestOf('ada'), requestOf('tom'), requestOf('ada')];

it('is sent and paid, or neither, wherever its process dies', { timeout: 120_000 }, async () => {
  await crashAtEveryStep('send-gift', {
    services: [inventoryService, paymentService, giftService],
    prepare: fillShop,
    scenarios: {
      'a gift that is sent': {
        act: async (mesh) => expect(await send(mesh, sent)).toBe('SENT'),
        check: async (mesh) => expect(await send(mesh, sent)).toBe('SENT'),
      },
      'a gift that cannot be paid': {
        act: async (mesh) => expect(await send(mesh, unpaid)).toBe('FAILED'),
        check: async (mesh) => expect(await send(mesh, unpaid)).toBe('FAILED'),
      },
      'a gift whose item is given free after it was paid': {
        act: giveFree,
        // Before the item is free, a crash leaves a gift that is sent.
        check: async (mesh, { answers }) =>
          expect(answers.has('free') ? ['FAILED'] : ['FAILED', 'SENT']).toContain(await send(mesh, released)),
      },
    },
  });
});

async function fillShop({ runtime }: TestMesh): Promise<void> {
  const accounts = runtime.client(AccountServiceContract);
  for (const accountId of ['ada', 'tom']) await accounts.openAccount({ accountId, currencyCode: 'USD' });
  await accounts.deposit({ requestId: randomUUID(), accountId: 'ada', amount: price });
  const item = { sku: 'lamp', name: 'Lamp', unitPrice: price, onHand: 1n };
  await runtime.client(InventoryServiceContract).createItem({ item });
}

/** Sends a gift, or repeats the request. Returns the state that it ends in; money and stock are then as it says. */
async function send({ runtime }: TestMesh, request: ReturnType<typeof requestOf>): Promise<string> {
  const gifts = runtime.client(GiftServiceContract);
  const { id } = await gifts.sendGift(request);
  return await eventually(async () => {
    const { state } = await gifts.getGift({ id });
    expect(state).not.toBe('ORDERED');
    const { balance } = await runtime.client(AccountServiceContract).getBalance({ accountId: 'ada' });
    const { onHand, reserved } = await runtime.client(InventoryServiceContract).getItem({ sku: 'lamp' });
    const left = { money: balance?.minorUnits, onHand, reserved };
    expect(left).toEqual({ money: state === 'SENT' ? 0n : 500n, onHand: state === 'SENT' ? 0n : 1n, reserved: 0n });
    expect(await Array.fromAsync(gifts.listGifts({ senderId: request.senderId }))).toMatchObject([{ id, state }]);
    return state;
  });
}

/** Gives the item free before the last step, which is refused then. */
async function giveFree(mesh: TestMesh, { pauseBefore, answered }: Recording): Promise<void> {
  const last = pauseBefore('gift', 'run:commit-stock');
  const ends = send(mesh, released);
  await last.reached;
  const [gift] = await Array.fromAsync(mesh.runtime.client(GiftServiceContract).listGifts({ senderId: 'ada' }));
  await mesh.runtime
    .client(InventoryServiceContract)
    .releaseStock({ requestId: randomUUID(), orderId: gift?.id ?? '' });
  answered('free');
  last.resume();
  expect(await ends).toBe('FAILED');
}
