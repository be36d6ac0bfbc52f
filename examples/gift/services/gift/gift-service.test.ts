import { randomUUID } from 'node:crypto';
import { type Client, Status } from 'nice-grpc';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { GiftServiceContract } from '#gen/gift/v1/gift.contract.ts';
import type { GiftServiceDefinition } from '#gen/gift/v1/gift.ts';
import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import { AuditServiceContract } from '#gen/ops/v1/audit.contract.ts';
import { DeadLetterServiceContract } from '#gen/ops/v1/ops.contract.ts';
import { AccountServiceContract } from '#gen/payment/v1/payment.contract.ts';
import type { Storage } from '#mesh';
import { describeServicesOnEachDatabase, eventually, onRuntime, startMesh, type TestMesh } from '#mesh/testing';
import { edgeService } from '../edge/service.ts';
import { inventoryService } from '../inventory/service.ts';
import { opsService } from '../ops/service.ts';
import { paymentService } from '../payment/service.ts';
import { giftService } from './service.ts';

describeServicesOnEachDatabase('the gift service', (settings) => {
  let mesh: TestMesh;
  let gifts: Client<GiftServiceDefinition>;
  let storage: Storage;
  const price = { currencyCode: 'USD', minorUnits: 500n };
  const request = (greeting: string) => ({ requestId: randomUUID(), senderId: 'ada', sku: 'lamp', greeting });

  beforeAll(async () => {
    const gift = onRuntime(giftService, (runtime) => ({
      ...runtime,
      openStorage: async (name) => (storage = await runtime.openStorage(name)),
    }));
    mesh = await startMesh([inventoryService, paymentService, gift, opsService, edgeService], {
      ...settings(),
      HTTP_LISTEN: '127.0.0.1:0',
    });
    gifts = mesh.runtime.client(GiftServiceContract);
    const accounts = mesh.runtime.client(AccountServiceContract);
    await accounts.openAccount({ accountId: 'ada', currencyCode: 'USD' });
    await accounts.deposit({ requestId: randomUUID(), accountId: 'ada', amount: { ...price, minorUnits: 1000n } });
    const item = { sku: 'lamp', name: 'Lamp', unitPrice: price, onHand: 10n };
    await mesh.runtime.client(InventoryServiceContract).createItem({ item });
  });
  afterAll(() => mesh.stop());

  const stateOf = async (id: string) => (await gifts.getGift({ id })).state;

  it('sends a gift once for repeated requests, and prints its card', async () => {
    const asked = request('Happy birthday');
    const gift = await gifts.sendGift(asked);
    expect(gift).toMatchObject({ senderId: 'ada', sku: 'lamp', price, state: 'ORDERED' });
    await expect(gifts.sendGift(asked)).resolves.toEqual(gift);
    await eventually(async () => expect(await stateOf(gift.id)).toBe('SENT'));
    await eventually(async () => {
      const listed = await Array.fromAsync(gifts.listGifts({ senderId: 'ada' }));
      expect(listed).toEqual([{ ...gift, state: 'SENT' }]);
      expect(await storage.query('SELECT * FROM cards')).toEqual([{ gift_id: gift.id, text: 'Happy birthday' }]);
    });
  });

  it('is reached over HTTP, and sends nothing without a key', async () => {
    const send = (headers: Record<string, string>) =>
      fetch(`http://${mesh.httpAddress}/api/gifts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ senderId: 'ada', sku: 'sofa' }),
      });
    const withoutKey = await send({});
    expect(withoutKey.status).toBe(400);
    expect(await withoutKey.json()).toMatchObject({ reason: 'IDEMPOTENCY_KEY_MISSING' });
    const withKey = await send({ 'idempotency-key': randomUUID() });
    expect(withKey.status).toBe(404);
    expect(await withKey.json()).toMatchObject({ reason: 'GIFT_UNAVAILABLE' });
    const listed = await fetch(`http://${mesh.httpAddress}/api/gifts?senderId=ada`);
    expect(await listed.json()).toMatchObject([{ senderId: 'ada', sku: 'lamp' }]);
  });

  it('gives the money back and the item free when the sender cannot pay, and a long greeting is a dead letter', async () => {
    const letters = mesh.runtime.client(DeadLetterServiceContract);
    const sent = await gifts.sendGift(request('x'.repeat(101)));
    await eventually(async () => expect(await stateOf(sent.id)).toBe('SENT'));
    await eventually(async () =>
      expect(await Array.fromAsync(letters.listDeadLetters({ filter: { origin: 'gift-cards' } }))).toMatchObject([
        { reason: 'CARD_TOO_LONG' },
      ]),
    );

    const { id } = await gifts.sendGift(request('too much'));
    await eventually(async () => expect(await stateOf(id)).toBe('FAILED'));
  });

  it('is found in order by audits, with its charges and reservations', async () => {
    const reports = await Array.fromAsync(mesh.runtime.client(AuditServiceContract).runAudit({}));
    expect(reports.filter(({ report }) => report?.$case === 'finding')).toEqual([]);
    const checks = reports.map(({ report }) => report?.$case === 'check' && report.value);
    for (const name of ['gift/charges', 'gift/reservations'])
      expect(checks).toContainEqual(expect.objectContaining({ name, examined: 2n, error: '' }));
  });

  it('refuses unknown gifts and items', async () => {
    const unknown = gifts.getGift({ id: randomUUID() });
    await expect(unknown).rejects.toMatchObject({ code: Status.NOT_FOUND, reason: 'GIFT_NOT_FOUND' });
    await expect(gifts.sendGift({ ...request(''), sku: 'sofa' })).rejects.toMatchObject({ reason: 'GIFT_UNAVAILABLE' });
  });
});
