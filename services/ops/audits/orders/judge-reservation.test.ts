import { describe, expect, it } from 'vitest';
import { Reservation, ReservationState } from '#gen/inventory/v1/inventory.ts';
import { ordersByState } from '../../testing/orders.ts';
import { judgeReservation } from './judge-reservation.ts';

const items = [
  { sku: 'lamp', quantity: 2 },
  { sku: 'rug', quantity: 1 },
];
const reservation = (state: keyof typeof ReservationState) =>
  Reservation.fromPartial({
    orderId: 'o1',
    items: items.map(({ sku, quantity }) => ({ sku, quantity: BigInt(quantity) })).toReversed(),
    state: ReservationState[state],
  });

const orders = ordersByState({ id: 'o1', items });
const reservations = {
  reserved: reservation('RESERVATION_STATE_RESERVED'),
  committed: reservation('RESERVATION_STATE_COMMITTED'),
  released: reservation('RESERVATION_STATE_RELEASED'),
  none: undefined,
};

const ok = undefined;
const [early, missing, ended] = ['STOCK_TAKEN_EARLY', 'ORDER_NOT_RESERVED', 'RESERVATION_OF_ENDED_ORDER'];
/** What is wrong with an order in each state if its reservation is held, committed, released or missing. */
const verdicts = {
  PENDING: [ok, early, ok, ok],
  RESERVED: [ok, early, missing, missing],
  PAID: [ok, early, missing, missing],
  SHIPPED: [ok, ok, missing, missing],
  COMPLETED: [ended, ok, missing, missing],
  COMPENSATING: [ok, ok, ok, ok],
  FAILED: [ended, ended, ok, ok],
  CANCELLED: [ended, ended, ok, ok],
  NEEDS_ATTENTION: [ok, ok, ok, ok],
};

describe('judgeReservation', () => {
  it.each(Object.keys(orders) as (keyof typeof orders)[])('judges each reservation of an order that is %s', (state) => {
    const found = Object.values(reservations).map((each) => judgeReservation('o1', orders[state], each));
    expect(found.map((finding) => finding?.reason)).toEqual(verdicts[state]);
    for (const finding of found) if (finding) expect(finding.ids).toEqual(['o1']);
  });

  it('reports reserved stock without an order', () => {
    const judged = Object.values(reservations).map((each) => judgeReservation('o1', undefined, each)?.reason);
    expect(judged).toEqual(['RESERVATION_WITHOUT_ORDER', 'RESERVATION_WITHOUT_ORDER', ok, ok]);
  });

  it('reports a reservation with other items or quantities', () => {
    const [first, second] = reservations.reserved.items;
    if (!first || !second) return expect.fail('there are two items');
    for (const held of [[first], [first, { ...second, quantity: 9n }], [first, { ...second, sku: 'sofa' }]]) {
      const judged = judgeReservation('o1', orders.PAID, { ...reservations.reserved, items: held });
      expect(judged).toMatchObject({ reason: 'RESERVATION_DIFFERS', ids: ['o1'] });
    }
    const released = { ...reservations.released, items: [] };
    expect(judgeReservation('o1', orders.FAILED, released)).toBeUndefined();
  });

  it('describes both sides in the message', () => {
    expect(judgeReservation('o1', orders.FAILED, reservations.reserved)?.message).toBe(
      'order o1 is FAILED, but its reservation is RESERVED',
    );
    expect(judgeReservation('o1', orders.PAID, undefined)?.message).toBe('order o1 is PAID, but it has no reservation');
    const [first] = reservations.reserved.items;
    const other = { ...reservations.reserved, items: first ? [first] : [] };
    expect(judgeReservation('o1', orders.PAID, other)?.message).toBe(
      'order o1 is of 1 "rug", 2 "lamp", but its reservation of 1 "rug"',
    );
  });
});
