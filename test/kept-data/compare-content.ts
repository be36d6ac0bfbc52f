import { expect } from 'vitest';
import type { Json, MeshContent } from './read-mesh.ts';

/** Data that running orders do not change is unchanged. New fields may be added. */
export function expectSameGoods(now: MeshContent, was: MeshContent): void {
  expect(now.users).toMatchObject(was.users);
  expect(now.items).toMatchObject(was.items.map(({ sku, name, unitPrice }) => ({ sku, name, unitPrice })));
  expect(Object.keys(now.accounts)).toEqual(Object.keys(was.accounts));
  for (const [id, events] of Object.entries(was.accountEvents))
    expect(now.accountEvents[id]?.slice(0, events.length), id).toMatchObject(events);
  for (const { state, updateTime, ...payment } of was.payments) expectMember(now.payments, payment);
  for (const letter of was.deadLetters) expectMember(now.deadLetters, letter);
}

/** Each order, saga and mail is in the same or a later state. Those that had ended are unchanged. */
export function expectSameOrFurther(now: MeshContent, was: MeshContent): void {
  for (const order of was.orders) {
    const { id, userId, items, total, shippingAddress, createTime } = order;
    expectMember(now.orders, hasEnded(order) ? order : { id, userId, items, total, shippingAddress, createTime });
  }
  for (const saga of was.sagas) {
    const { id, name, definitionVersion, subjectId, createTime } = saga;
    expectMember(now.sagas, hasEnded(saga) ? saga : { id, name, definitionVersion, subjectId, createTime });
  }
  for (const mail of was.notifications) {
    const { id, userId, orderId, template, to, createTime } = mail;
    expectMember(now.notifications, hasEnded(mail) ? mail : { id, userId, orderId, template, to, createTime });
  }
}

function expectMember(found: readonly Json[], { id, ...rest }: Json): void {
  expect(found.find((member) => member.id === id)).toMatchObject({ id, ...rest });
}

/** Whether an order, saga or mail no longer changes by itself. */
function hasEnded({ state }: Json): boolean {
  return /_(COMPLETED|COMPENSATED|FAILED|CANCELLED|NEEDS_ATTENTION|SENT|DEAD)$/.test(String(state));
}
