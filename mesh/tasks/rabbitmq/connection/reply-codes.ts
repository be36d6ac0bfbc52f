import { messageOf } from '../../../errors/error-text.ts';
import { MeshError } from '../../../errors/mesh-error.ts';
import { tlsAdvice } from '../../../errors/tls-advice.ts';

/**
 * What a reply code of AMQP 0-9-1 means:
 * - `wait`: the broker cannot do it now; the same call may succeed later.
 * - `wiring`: wrong setup (rights, virtual host, another declaration) or a protocol error. Work waits as well, but only a
 *   person can fix it, so it is logged as an `error` and shows in the health.
 * - `message`: about the message that was sent; it never succeeds, and others must not wait for it.
 */
export type ReplyKind = 'wait' | 'wiring' | 'message';

interface Reply {
  readonly name: string;
  readonly kind: ReplyKind;
  readonly remedy: string;
}

const later = 'it is tried again';
const fault = 'this is a fault of a program: look into the log of the broker';

const replies: ReadonlyMap<number, Reply> = new Map<number, Reply>([
  [200, { name: 'REPLY_SUCCESS', kind: 'wait', remedy: later }],
  [311, { name: 'CONTENT_TOO_LARGE', kind: 'message', remedy: 'send less' }],
  [312, { name: 'NO_ROUTE', kind: 'wait', remedy: 'the queue is declared again' }],
  [313, { name: 'NO_CONSUMERS', kind: 'wait', remedy: later }],
  [320, { name: 'CONNECTION_FORCED', kind: 'wait', remedy: later }],
  [402, { name: 'INVALID_PATH', kind: 'wiring', remedy: 'name a virtual host that exists in TASKS_URL' }],
  [403, { name: 'ACCESS_REFUSED', kind: 'wiring', remedy: 'check user, password and permissions of TASKS_URL' }],
  [404, { name: 'NOT_FOUND', kind: 'wait', remedy: 'the queue is declared again' }],
  [405, { name: 'RESOURCE_LOCKED', kind: 'wiring', remedy: 'another program has the queue for itself: free it' }],
  [
    406,
    { name: 'PRECONDITION_FAILED', kind: 'wiring', remedy: 'something was declared otherwise: delete or rename it' },
  ],
  [501, { name: 'FRAME_ERROR', kind: 'wiring', remedy: fault }],
  [502, { name: 'SYNTAX_ERROR', kind: 'wiring', remedy: fault }],
  [503, { name: 'COMMAND_INVALID', kind: 'wiring', remedy: fault }],
  [504, { name: 'CHANNEL_ERROR', kind: 'wiring', remedy: fault }],
  [505, { name: 'UNEXPECTED_FRAME', kind: 'wiring', remedy: fault }],
  [506, { name: 'RESOURCE_ERROR', kind: 'wait', remedy: 'the broker is out of a resource; it is tried again' }],
  [
    530,
    { name: 'NOT_ALLOWED', kind: 'wiring', remedy: 'check the virtual host of TASKS_URL and the limits of its user' },
  ],
  [540, { name: 'NOT_IMPLEMENTED', kind: 'wiring', remedy: 'use RabbitMQ 3.10 or later, with quorum queues' }],
  [541, { name: 'INTERNAL_ERROR', kind: 'wait', remedy: later }],
]);

const unknownReply: Reply = { name: 'UNKNOWN', kind: 'wait', remedy: later };

/** A failure of the broker or of the connection to it. */
export interface BrokerFault {
  readonly kind: ReplyKind;
  /** 0 if there is none: the connection failed or was cut. */
  readonly code: number;
  /** What happened, and what to do. */
  readonly text: string;
}

// Class and method of basic.publish.
const basicClass = 60;
const publishMethod = 40;

/** Judges an error of amqplib. A failed precondition of a publish means that the message is too large for the broker. */
export function judgeFault(error: unknown): BrokerFault {
  const answer = error instanceof MeshError ? error.cause : error;
  const text = messageOf(error);
  const advice = tlsAdvice(answer, 'TASKS_CA_FILE');
  if (advice) return { kind: 'wiring', code: 0, text: `${text}; ${advice}` };
  const code = codeOf(answer, text);
  const reply = replies.get(code) ?? unknownReply;
  const kind = code === 406 && isOfPublish(answer) ? 'message' : reply.kind;
  return { kind, code, text: kind === 'wiring' && !text.includes(reply.remedy) ? `${text}; ${reply.remedy}` : text };
}

/** Judges why a connection to the broker of `url` failed. */
export function judgeConnectFault(error: unknown, url: URL): BrokerFault {
  const fault = judgeFault(error);
  const { code, kind, text } = fault;
  if (hostRefused.test(text)) {
    const vhost = decodeURIComponent(url.pathname.slice(1)) || '/';
    const refused = `vhost ${vhost} was refused (530 NOT_ALLOWED): it is not found, or the user of TASKS_URL may not use it, or a limit of connections is reached; create it, fix TASKS_URL, or look into the log of the broker`;
    return { kind: 'wiring', code: 530, text: refused };
  }
  return code === 0 && kind === 'wait' ? { ...fault, text: `${text}; check that RabbitMQ of TASKS_URL runs` } : fault;
}

// amqplib reports neither code nor reason of a broker that closes the connection instead of opening the virtual host.
// RabbitMQ answers so with 530 only.
const hostRefused = /^Expected ConnectionOpenOk; got <ConnectionClose/;

/** Whether it exists already with other arguments. */
export function isDeclaredOtherwise(error: unknown): boolean {
  return judgeFault(error).code === 406;
}

/** Whether a queue or an exchange does not exist. */
export function isMissing(error: unknown): boolean {
  return judgeFault(error).code === 404;
}

/** While a connection opens, amqplib has the code only in the text: `... 403 (ACCESS_REFUSED) with message ...`. */
function codeOf(error: unknown, text: string): number {
  if (error instanceof Error && 'code' in error && typeof error.code === 'number') return error.code;
  return Number(/\b([2-5]\d\d) \([A-Z]/.exec(text)?.[1] ?? 0);
}

function isOfPublish(error: unknown): boolean {
  return (
    error instanceof Error &&
    'classId' in error &&
    'methodId' in error &&
    error.classId === basicClass &&
    error.methodId === publishMethod
  );
}
