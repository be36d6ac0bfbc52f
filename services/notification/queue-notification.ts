import type { Client } from 'nice-grpc';
import { OrderEvent } from '#gen/order/v1/events.ts';
import type { User, UserServiceDefinition } from '#gen/user/v1/user.ts';
import {
  type Clock,
  consume,
  type EventAttributes,
  type EventHandler,
  MeshError,
  type MessageReader,
  type Outbox,
  Status,
  undecodable,
  uuidv5,
} from '#mesh';
import { unknownRecipient } from './errors.ts';
import { mailTask } from './mail-job.ts';
import { isId, newNotification, templateFor, templateTypes } from './notification.ts';
import { insertNotification } from './store.ts';

/** Dependencies of `queueNotifications`. */
export interface QueueNotificationDeps {
  readonly users: Client<UserServiceDefinition>;
  readonly outbox: Outbox;
  readonly clock: Clock;
}

/** Turns the events of orders into mails: a notification and its task are one transaction. */
export function queueNotifications({ users, outbox, clock }: QueueNotificationDeps): EventHandler {
  const handler = consume(orderNews, {
    group: 'notification-service',
    topic: 'order.events',
    types: templateTypes,
    handle: async ({ orderId, userId, message }, attributes) => {
      const template = templateFor(attributes.type);
      if (!template) return undefined;
      const problems = [...idProblems('orderId', orderId), ...idProblems('userId', userId)];
      if (!isId(orderId) || !isId(userId)) throw undecodable({ thing: 'order event', problem: problems.join(', ') });
      const user = await findRecipient(users, userId);
      const notification = newNotification(notificationId(attributes), template, orderId, user, clock.now());
      const task = mailTask(notification, { name: user.name, message });
      return async (tx) => {
        if (await insertNotification(tx, notification)) await outbox.addTask(tx, task);
      };
    },
  });
  // Each adds the notification and the task of its event.
  return { ...handler, independentEffects: true };
}

/**
 * Asks the user service, again for each event: an answer that is kept or shared with a later event may be older than a change
 * of address that its caller has seen complete, and the mail would go to the old address.
 */
async function findRecipient(users: Client<UserServiceDefinition>, id: string): Promise<User> {
  try {
    return await users.getUser({ id });
  } catch (error) {
    // A deleted user has no address, and no further attempt changes that.
    if (error instanceof MeshError && error.code === Status.NOT_FOUND) throw unknownRecipient({ userId: id });
    throw error;
  }
}

/** Ids of our own services are UUIDs that sort by time. Those of other producers are unique only with their source. */
function notificationId({ source, id }: EventAttributes): string {
  const isOurs = source.startsWith('//ordermesh/') && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id);
  return isOurs ? id : uuidv5('notification', source, id);
}

/** Says what is wrong with an id, without its value: that may be anything. */
function idProblems(field: string, value: unknown): string[] {
  if (value === undefined || value === null || value === '') return [`it has no ${field}`];
  if (typeof value !== 'string') return [`its ${field} is of the type ${typeOf(value)} instead of string`];
  return isId(value) ? [] : [`its ${field} is not a valid id (letters, digits and ._-, at most 64)`];
}

function typeOf(value: unknown): string {
  return Array.isArray(value) ? 'array' : typeof value;
}

/** The part of an order's event that its mail needs. */
interface OrderNews {
  /** A string, if the producer keeps to the contract. */
  readonly orderId: unknown;
  readonly userId: unknown;
  /** Why the order failed or was cancelled; empty otherwise. */
  readonly message: string;
}

/** JSON that any program may have published. Members may be missing or of another type. */
interface OrderJson {
  readonly orderId?: unknown;
  readonly userId?: unknown;
  readonly order?: { readonly failure?: { readonly message?: unknown } | null } | null;
}

/**
 * Decodes an `order.v1.OrderEvent`, and also the plain `{type, orderId, userId, …}` of a producer without that contract.
 * A message that is missing is empty.
 */
const orderNews: MessageReader<OrderNews> = {
  decode(bytes) {
    const { orderId, userId, order } = OrderEvent.decode(bytes);
    return { orderId, userId, message: order?.failure?.message ?? '' };
  },
  fromJSON(json) {
    const { orderId, userId, order } = json as OrderJson;
    return { orderId, userId, message: textOf(order?.failure?.message) };
  },
};

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
