import { Status } from 'nice-grpc';
import { settle } from '../caller.ts';
import type { Refusal } from '../participant.ts';
import { expectEffect, expectOk, expectRefusal, expectSame, newRequestId, type Rule, RuleBroken } from '../rule.ts';

export const requestIdReused: Refusal = { code: Status.ALREADY_EXISTS, reason: 'REQUEST_ID_REUSED' };

/** What the contracts allow as an id, since CreateShipment is given that of the payment. */
const idPattern = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/;

/** One effect per `request_id`, and per order. */
export const requestRules: readonly Rule[] = [
  {
    name: 'takes-effect',
    promise: '{run} takes effect, and its response has the order and its state',
    async check(participant) {
      const order = await participant.newOrder();
      const answer = await settle(() => order.run(newRequestId()));
      expectOk(answer, 'the order is new', { orderId: order.id, state: participant.states.done });
      if (participant.hasId && !idPattern.test(`${answer.response.id ?? ''}`))
        throw new RuleBroken(`${answer.method} to answer with an id that matches ${idPattern}`, answer);
      await expectEffect(order, 1, 'the step was answered OK');
      expectOk(await order.read(), 'the step was answered OK', { orderId: order.id, state: participant.states.done });
    },
  },
  {
    name: 'unknown-order',
    promise: '{read} refuses an order that it knows nothing of',
    async check(participant) {
      const order = await participant.newOrder();
      expectRefusal(await settle(order.read), participant.refusals.unknown, 'nothing was called for this order');
    },
  },
  {
    name: 'first-response',
    promise: 'the same request_id and payload return the first response, even if the order has changed since',
    async check(participant) {
      const order = await participant.newOrder();
      const requestId = newRequestId();
      const first = expectOk(await settle(() => order.run(requestId)), 'the order is new');
      expectSame(await settle(() => order.run(requestId)), first, 'the same request_id');
      const undoId = newRequestId();
      const undone = expectOk(await settle(() => order.undo(undoId)), 'the step is done');
      expectSame(await settle(() => order.run(requestId)), first, 'the same request_id as before the undo');
      expectSame(await settle(() => order.undo(undoId)), undone, 'the same request_id');
    },
  },
  {
    name: 'once-per-request',
    promise: '{run} repeated with one request_id takes effect once, even if the repeat comes after {undo}',
    async check(participant) {
      const order = await participant.newOrder();
      const requestId = newRequestId();
      for (const attempt of [1, 2, 3]) {
        await settle(() => order.run(requestId));
        await expectEffect(order, 1, `${attempt} calls with one request_id`);
      }
      expectOk(await settle(() => order.undo(newRequestId())), 'the step is done');
      await settle(() => order.run(requestId));
      await expectEffect(order, 0, 'a late repeat of the step, after its undo');
    },
  },
  {
    name: 'once-per-order',
    promise:
      '{run} with another request_id, for the same order and content, returns what exists, without a second effect',
    async check(participant) {
      const order = await participant.newOrder();
      const first = expectOk(await settle(() => order.run(newRequestId())), 'the order is new');
      const again = await settle(() => order.run(newRequestId()));
      expectSame(again, first, 'another request_id, but the same order and content');
      await expectEffect(order, 1, 'two request ids, but one order');
    },
  },
  {
    name: 'request-id-reused',
    promise: '{run} refuses the same request_id with another payload, without an effect',
    async check(participant) {
      const [first, second] = [await participant.newOrder(), await participant.newOrder()];
      const requestId = newRequestId();
      expectOk(await settle(() => first.run(requestId)), 'the order is new');
      expectRefusal(await settle(() => second.run(requestId)), requestIdReused, 'the id of another order’s call');
      await expectEffect(second, 0, 'its request_id was refused');
      for (const runOther of first.runOther) {
        expectRefusal(await settle(() => runOther(requestId)), requestIdReused, 'the same order, but other content');
      }
      await expectEffect(first, 1, 'the repeat was refused');
    },
  },
  {
    name: 'undo-request-id-reused',
    promise: '{undo} refuses the same request_id with another order, without an effect',
    async check(participant) {
      const [first, second] = [await participant.newOrder(), await participant.newOrder()];
      for (const order of [first, second]) expectOk(await settle(() => order.run(newRequestId())), 'the order is new');
      const requestId = newRequestId();
      expectOk(await settle(() => first.undo(requestId)), 'the step is done');
      expectRefusal(await settle(() => second.undo(requestId)), requestIdReused, 'the id of another order’s call');
      await expectEffect(second, 1, 'its undo was refused');
    },
  },
  {
    name: 'other-content',
    promise: '{run} refuses other content for the same order, and changes nothing',
    async check(participant) {
      const order = await participant.newOrder();
      expectOk(await settle(() => order.run(newRequestId())), 'the order is new');
      const stored = await order.read();
      for (const runOther of order.runOther) {
        expectRefusal(await settle(() => runOther(newRequestId())), participant.refusals.other, 'other content');
      }
      await expectEffect(order, 1, 'the other content was refused');
      expectSame(await order.read(), stored, 'the other content was refused');
    },
  },
];
