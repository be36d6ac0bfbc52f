import { settle } from '../caller.ts';
import { expectEffect, expectOk, expectRefusal, NotChecked, newRequestId, type Rule } from '../rule.ts';

/** An undo is never refused, takes effect once and is final. */
export const undoRules: readonly Rule[] = [
  {
    name: 'undo-takes-back',
    promise: '{undo} takes the effect of {run} back',
    async check(participant) {
      const order = await participant.newOrder();
      expectOk(await settle(() => order.run(newRequestId())), 'the order is new');
      const undone = await settle(() => order.undo(newRequestId()));
      expectOk(undone, 'the step is done', { orderId: order.id, state: participant.states.undone });
      await expectEffect(order, 0, 'the undo was answered OK');
      expectOk(await order.read(), 'the undo was answered OK', { state: participant.states.undone });
    },
  },
  {
    name: 'undo-once',
    promise: '{undo} again is OK and takes nothing back twice, with the same request_id and with another',
    async check(participant) {
      const order = await participant.newOrder();
      expectOk(await settle(() => order.run(newRequestId())), 'the order is new');
      const requestId = newRequestId();
      for (const id of [requestId, requestId, newRequestId()]) {
        const undone = await settle(() => order.undo(id));
        expectOk(undone, 'undone before, or now', { state: participant.states.undone });
        await expectEffect(order, 0, 'undone, once');
      }
    },
  },
  {
    name: 'undo-of-unknown',
    promise: '{undo} of an order that it knows nothing of is OK',
    async check(participant) {
      const order = await participant.newOrder();
      const undone = await settle(() => order.undo(newRequestId()));
      expectOk(undone, 'the order is unknown', { orderId: order.id, state: participant.states.undone });
      await expectEffect(order, 0, 'there was nothing to undo');
    },
  },
  {
    name: 'undo-forbids-run',
    promise: '{undo} before {run} forbids it: {run} is then refused',
    async check(participant) {
      const order = await participant.newOrder();
      await settle(() => order.undo(newRequestId()));
      for (const _ of [1, 2]) {
        const late = await settle(() => order.run(newRequestId()));
        expectRefusal(late, participant.refusals.undone, 'the step arrives after its undo');
        await expectEffect(order, 0, 'the undo came first');
      }
    },
  },
  {
    name: 'undone-is-final',
    promise: '{run} is refused once the order was undone',
    async check(participant) {
      const order = await participant.newOrder();
      expectOk(await settle(() => order.run(newRequestId())), 'the order is new');
      await settle(() => order.undo(newRequestId()));
      const again = await settle(() => order.run(newRequestId()));
      expectRefusal(again, participant.refusals.undone, 'the step was undone');
      await expectEffect(order, 0, 'the step was undone');
    },
  },
  {
    name: 'undo-after-refusal',
    promise: '{undo} after a refused {run} is OK, takes nothing back, and {run} stays refused',
    async check(participant) {
      if (participant.refusedOrders.length === 0)
        throw new NotChecked('needs an order that is refused: --refused-country');
      for (const { why, newOrder, afterUndo = participant.refusals.undone } of participant.refusedOrders) {
        const order = await newOrder();
        await settle(() => order.run(newRequestId()));
        expectOk(await settle(() => order.undo(newRequestId())), `the step was refused: ${why}`);
        await expectEffect(order, 0, 'a refused step was undone');
        const again = await settle(() => order.run(newRequestId()));
        expectRefusal(again, afterUndo, 'refused, and then undone');
      }
    },
  },
];
