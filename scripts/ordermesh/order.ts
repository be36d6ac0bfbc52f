import { EventRecord } from '#gen/events/v1/events.ts';
import { Notification } from '#gen/notification/v1/notification.ts';
import { Saga } from '#gen/ops/v1/ops.ts';
import { Order, OrderState } from '#gen/order/v1/order.ts';
import { hasEnded } from '../../examples/demo/find-traces.ts';
import { type OrderTrace, orderLines, sincePlaced, traceOrder } from '../../examples/demo/show-order.ts';
import { describeWait, stateName } from '../../examples/demo/watch-order.ts';
import { exitCode } from '../../examples/support/failures.ts';
import { formatMoney } from '../../examples/support/format-money.ts';
import { connect } from '../../examples/support/mesh.ts';
import { withCommandsHere } from '../../mesh/errors/commands-here.ts';
import { escapeControls } from '../support/format.ts';
import { type Command, CommandError, readArgs, UsageError } from './cli.ts';
import { messageToJson } from './json.ts';

/** Shows everything that an order has caused. Exits with 1 if the order needs attention. */
export const orderCommand: Command = {
  name: 'order',
  summary: 'show an order, its saga steps, events and mails',
  usage: '<id>    the id of the order, as PlaceOrder returned it',
  async run(args, cli) {
    const [id, ...others] = readArgs(args, {}).positionals;
    if (others.length > 0) throw new UsageError('order takes the id of one order');
    if (!id) {
      const example = withCommandsHere('"make order ID=<id>"');
      throw new CommandError(`order needs the id of an order, as PlaceOrder returned it: ${example}`, exitCode.usage);
    }
    const mesh = connect(cli.address, cli.access);
    try {
      const trace = await traceOrder(mesh, await mesh.orders.getOrder({ id }));
      if (cli.json) cli.print(JSON.stringify(toJson(trace)));
      else for (const line of [...headLines(trace), ...orderLines(trace)]) cli.print(line);
      const { state } = trace.order;
      return state === OrderState.ORDER_STATE_NEEDS_ATTENTION ? exitCode.attention : exitCode.done;
    } finally {
      mesh.close();
    }
  },
};

function headLines({ order, saga }: OrderTrace): string[] {
  const { id, state, userId, items, total, createTime, updateTime, failure } = order;
  const wait = hasEnded(order) || !saga ? '' : describeWait(saga);
  return [
    `order    ${id} is ${stateName(state)}`,
    `user     ${userId}`,
    ...items.map(({ sku, quantity, unitPrice }) => {
      return `item     ${quantity} x ${sku}${unitPrice ? ` at ${formatMoney(unitPrice)}` : ''}`;
    }),
    ...(total ? [`total    ${formatMoney(total)}`] : []),
    `placed   ${createTime?.toISOString() ?? ''}, last change ${sincePlaced(order, updateTime?.getTime()).trim()}`,
    ...(failure ? [`failure  ${failure.reason}: ${escapeControls(failure.message)}`] : []),
    ...(wait === '' ? [] : [`now      ${escapeControls(wait)}`]),
  ];
}

function toJson({ order, saga, events, faults, mails }: OrderTrace): object {
  return {
    order: messageToJson('order.v1.Order', Order, order),
    // Absent: ops is not served here.
    saga: saga && messageToJson('ops.v1.Saga', Saga, saga),
    // Absent: the event log is unavailable.
    events: events?.map((event) => messageToJson('events.v1.EventRecord', EventRecord, event)),
    mails: mails.map(({ mail }) => messageToJson('notification.v1.Notification', Notification, mail)),
    // Why saga steps, events or mails may be missing.
    faults,
  };
}
