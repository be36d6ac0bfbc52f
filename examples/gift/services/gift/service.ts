import { GiftServiceContract } from '#gen/gift/v1/gift.contract.ts';
import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import { PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { defineService, readPages, serve, uuidv7 } from '#mesh';
import { giftNotFound, giftUnavailable } from './errors.ts';
import { cardQueue, giftEventOf, giftTopic } from './events.ts';
import { giftList, pageOfGifts } from './gift-list.ts';
import { giftDefinition } from './gift-stream.ts';
import { printCard, queueCards } from './print-card.ts';
import { sendGiftSaga } from './send-gift.saga.ts';

export const giftService = defineService({
  name: 'gift',
  migrations: new URL('./migrations/', import.meta.url),
  topics: [giftTopic],
  setup: async ({ storage, outbox, aggregates, client, run, clock }) => {
    const inventory = client(InventoryServiceContract);
    const payments = client(PaymentServiceContract);
    const gifts = await aggregates(giftDefinition, { publish: giftEventOf });
    const sendGift = sendGiftSaga({ inventory, payments, gifts, clock });
    const sagas = await run.sagas([sendGift]);
    await run.projector([giftList]);
    await run.consumer(queueCards(gifts, storage, outbox));
    run.worker(cardQueue, { handle: (job) => printCard(job, storage) });

    const gift = serve(GiftServiceContract, {
      async sendGift({ senderId, sku, greeting }, call) {
        const [item] = (await inventory.batchGetItems({ skus: [sku] })).items;
        if (!item?.unitPrice) throw giftUnavailable({ sku });
        const price = item.unitPrice;
        const id = uuidv7(clock.now());
        return await gifts.transact(id, call, async (tx, cause) => {
          const order = () => ({ type: 'GIFT_ORDERED', gift: { senderId, sku, price, greeting } }) as const;
          const { state } = await gifts.changeIn(tx, id, order, cause);
          await sagas.begin(tx, sendGift, { id, data: state });
          return state;
        });
      },
      async getGift({ id }) {
        const { state } = await gifts.load(storage, id);
        if (!state) throw giftNotFound({ id });
        return state;
      },
      listGifts: ({ senderId }, { signal }) =>
        readPages({
          after: '',
          limit: 0,
          signal,
          fetch: (after, size) => pageOfGifts(storage, senderId, after, size),
          cursorOf: ({ id }) => id,
        }),
    });
    const ownIds = async (ids: readonly string[]) => {
      const found = await Promise.all(ids.map((id) => gifts.load(storage, id)));
      return ids.filter((_, index) => found[index]?.state);
    };
    return { serves: [gift], ownIds };
  },
});
