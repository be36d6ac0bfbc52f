import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { MeshError, Status } from '#mesh';

/** How long what must not be interrupted is: concurrent calls are sure to meet in it, also on a busy machine. */
export const raceMs = 50;

/** What a planted participant holds for an order. */
export interface Held<Content> {
  readonly orderId: string;
  readonly id: string;
  /** Absent: the undo came first. */
  readonly content: Content | undefined;
  state: 'done' | 'undone' | 'refused' | 'committed' | 'pending';
  /** How many times the step took effect, ever. */
  effects: number;
}

/** What the business of a contract adds to the rules of all contracts. */
export interface Business<Content> {
  readonly refusals: {
    readonly undone: string;
    readonly other: string;
    readonly unknown: string;
    readonly committed?: string;
  };
  /** Whether the effects of the step can be counted from outside. */
  readonly isCounted: boolean;
  /** Whether a refused order stays refused, even after its undo. */
  readonly keepsRefused: boolean;
  refuse(content: Content): MeshError | undefined;
  /** Applies the effect of the step, or with -1 takes it back. */
  apply(content: Content, sign: 1 | -1): void;
}

export interface CallOf {
  readonly requestId: string;
  readonly signal: AbortSignal;
}

/** The orders of a participant in memory that keeps all rules but one. */
export interface PlantedOrders<Content> {
  readonly all: ReadonlyMap<string, Held<Content>>;
  run(orderId: string, content: Content, call: CallOf): Promise<Held<Content>>;
  undo(orderId: string, call: CallOf): Promise<Held<Content>>;
  read(orderId: string): Held<Content>;
  /** Makes a method idempotent by `request_id`. */
  once(method: string, payload: string, requestId: string, work: () => Promise<Held<Content>>): Promise<Held<Content>>;
  restart(): void;
}

/** `breaks` is the rule that the participant breaks; undefined: none. */
export function plantOrders<Content>(business: Business<Content>, breaks: string | undefined): PlantedOrders<Content> {
  const { refusals, isCounted, keepsRefused, refuse, apply } = business;
  const orders = new Map<string, Held<Content>>();
  const answered = new Map<string, { readonly payload: string; readonly response: Held<Content> }>();
  const inProgress = new Map<string, Promise<Held<Content>>>();
  let [starts, undos] = [0, 0];

  async function once(method: string, payload: string, requestId: string, work: () => Promise<Held<Content>>) {
    const key = `${method} ${requestId}`;
    const before = answered.get(key);
    if (before) return repeated(before, method, payload);
    if (breaks === 'concurrent-repeats' && method === 'run') {
      await sleep(raceMs);
      const meanwhile = answered.get(key);
      if (meanwhile) again(meanwhile.response.orderId);
    } else {
      const running = inProgress.get(key);
      if (running !== undefined) return await running;
    }
    const running = work().then((held) => {
      const response = { ...held };
      answered.set(key, { payload, response });
      return response;
    });
    inProgress.set(key, running);
    try {
      return await running;
    } finally {
      inProgress.delete(key);
    }
  }

  function repeated(
    before: { readonly payload: string; readonly response: Held<Content> },
    method: string,
    payload: string,
  ): Held<Content> {
    const ignored = method === 'run' ? 'request-id-reused' : 'undo-request-id-reused';
    if (before.payload !== payload && breaks !== ignored) throw refusal('REQUEST_ID_REUSED', Status.ALREADY_EXISTS);
    const { orderId } = before.response;
    if (breaks === 'once-per-request' && method === 'run') again(orderId);
    return breaks === 'first-response' ? { ...(orders.get(orderId) ?? before.response) } : before.response;
  }

  /** The step takes effect once more. */
  function again(orderId: string): void {
    const order = orders.get(orderId);
    if (!order?.content) return;
    order.effects += 1;
    apply(order.content, 1);
  }

  async function runOnce(orderId: string, content: Content): Promise<Held<Content>> {
    const isNew = !orders.has(orderId);
    if (isNew && (breaks === 'concurrent-orders' || breaks === 'concurrent-undo')) await sleep(raceMs);
    const order = orders.get(orderId);
    if (!order) return await begin(orderId, content);
    if (order.state === 'undone') {
      const broken = isNew ? 'concurrent-undo' : order.content === undefined ? 'undo-forbids-run' : 'undone-is-final';
      if (breaks === broken) return await begin(orderId, content);
      throw refusal(refusals.undone);
    }
    if (order.state === 'refused') throw planted(refuse(content)) ?? refusal(refusals.other);
    if (JSON.stringify(order.content, text) !== JSON.stringify(content, text)) {
      if (breaks === 'other-content') return order;
      throw refusal(refusals.other, Status.ALREADY_EXISTS);
    }
    if (breaks === 'once-per-order' || (breaks === 'concurrent-orders' && isNew)) again(orderId);
    return order;
  }

  async function begin(orderId: string, content: Content): Promise<Held<Content>> {
    const order: Held<Content> = { orderId, id: randomUUID(), content, state: 'done', effects: 1 };
    orders.set(orderId, order);
    const refused = refuse(content);
    if (refused) {
      order.state = 'refused';
      if (!keepsRefused && breaks !== 'undo-after-refusal') orders.delete(orderId);
      throw planted(refused);
    }
    if (breaks === 'no-oversell' || breaks === 'no-overdraft') await sleep(raceMs);
    apply(content, 1);
    if (breaks === 'crash') await loseIf(order, starts);
    return order;
  }

  /** How a refusal is answered; those of short stock and small balances have rules of their own. */
  function planted<Refused extends MeshError | undefined>(refused: Refused): Refused | MeshError {
    if (breaks !== 'refusals' || refused?.reason.startsWith('INSUFFICIENT')) return refused;
    return new MeshError(Status.UNKNOWN, '', 'it did not work');
  }

  /** The process ends between the effect and the record of it. */
  async function loseIf(order: Held<Content>, startsBefore: number): Promise<void> {
    await sleep(30);
    if (starts === startsBefore) return;
    forget(order.orderId);
    throw new MeshError(Status.UNAVAILABLE, '', 'connection lost');
  }

  /** Forgets an order whose effect stays, or garbles it if nobody can count effects. */
  function forget(orderId: string): void {
    const order = orders.get(orderId);
    if (isCounted) orders.delete(orderId);
    else if (order) orders.set(orderId, { ...order, content: {} as Content });
  }

  async function undoOnce(orderId: string): Promise<Held<Content>> {
    const order = orders.get(orderId);
    if (!order) {
      const unknown: Held<Content> = { orderId, id: randomUUID(), content: undefined, state: 'undone', effects: 0 };
      orders.set(orderId, unknown);
      if (breaks === 'undo-of-unknown') throw refusal(refusals.unknown, Status.NOT_FOUND);
      return unknown;
    }
    if (order.state === 'committed' && breaks !== 'commit-is-final') throw refusal(refusals.committed ?? '');
    if (order.state === 'refused' && breaks === 'undo-after-refusal' && keepsRefused) throw refusal(refusals.undone);
    if (order.state === 'refused' && keepsRefused) return order;
    if (order.state === 'undone') {
      if (breaks !== 'undo-once') return order;
      if (!isCounted) throw refusal(refusals.undone);
    }
    if (breaks === 'undo-takes-back') return { ...order, state: 'undone' };
    order.state = 'undone';
    if (order.content) apply(order.content, -1);
    return order;
  }

  return {
    all: orders,
    once,
    async run(orderId, content, { requestId, signal }) {
      const payload = JSON.stringify([orderId, content], text);
      const held = await once('run', payload, requestId, () => runOnce(orderId, content));
      if (breaks === 'answer-lost') {
        await sleep(10);
        if (signal.aborted) {
          forget(orderId);
          answered.delete(`run ${requestId}`);
        }
      }
      if (breaks === 'takes-effect') return { ...held, state: 'pending' };
      return breaks === 'no-id' ? { ...held, id: '' } : held;
    },
    async undo(orderId, { requestId }) {
      undos += 1;
      if (breaks === 'no-undo') await new Promise(() => undefined);
      if (breaks === 'in-time' && undos === 5) await new Promise(() => undefined);
      return await once('undo', orderId, requestId, () => undoOnce(orderId));
    },
    read(orderId) {
      const order = orders.get(orderId);
      if (breaks === 'unreadable' && order?.state === 'undone')
        throw new MeshError(Status.INTERNAL, '', 'it did not work');
      if (order) return order;
      if (breaks !== 'unknown-order') throw refusal(refusals.unknown, Status.NOT_FOUND);
      return { orderId, id: '', content: undefined, state: 'pending', effects: 0 };
    },
    restart() {
      starts += 1;
      if (breaks !== 'durable') return;
      orders.clear();
      answered.clear();
    },
  };
}

export function refusal(
  reason: string,
  code = Status.FAILED_PRECONDITION,
  metadata: Record<string, string> = {},
): MeshError {
  return new MeshError(code, reason, `refused as ${reason}`, { metadata });
}

/** A replacer for `JSON.stringify`. */
function text(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}` : value;
}
