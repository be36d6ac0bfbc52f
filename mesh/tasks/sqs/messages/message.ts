import { isUtf8 } from 'node:buffer';
import type { Message, MessageAttributeValue, SendMessageRequest } from '@aws-sdk/client-sqs';
import { messageOf } from '../../../errors/error-text.ts';
import type { DeliveredTask, Travel } from '../../brokered/delivered-task.ts';
import { taskRefused } from '../../errors.ts';
import type { NewTask } from '../../task-queue.ts';

/** What a message has in SQS in addition to what every broker's has. */
export interface SqsTravel extends Travel {
  /** Not to be worked on before; `undefined`: when it is received. SQS itself delays for 15 minutes at most. */
  readonly dueMs?: number | undefined;
}

export type SqsDelivered = DeliveredTask & Pick<SqsTravel, 'dueMs'>;

/** Body and attributes of a message. */
export type SqsContent = Pick<SendMessageRequest, 'MessageBody' | 'MessageAttributes'>;

// SQS takes ten attributes of a message, so the headers share one.
const taskAttribute = 'mesh-task';
const headersAttribute = 'mesh-headers';
const encodingAttribute = 'mesh-encoding';
const ownAttributes: ReadonlySet<string> = new Set([taskAttribute, headersAttribute, encodingAttribute]);

// What XML 1.0 excludes cannot be in a body, nor can the empty text.
const unsendable = /^$|[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u;
const maxCount = 1_000_000;
// The latest time of a Date.
const maxTimeMs = 8.64e15;
const maxStampLength = 64;

/** Returns the message of a task. Its body is the payload where SQS can carry it as text, and Base64 otherwise. */
export function toMessage({ id, payload, headers }: NewTask, travel: SqsTravel): SqsContent {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const text = isUtf8(bytes) ? bytes.toString() : '';
  const isText = !unsendable.test(text);
  const { stamp, attempts, cutOffs, firstTimeMs, dueMs } = travel;
  return {
    // A body is never empty; Base64 of nothing may be padding.
    MessageBody: isText ? text : bytes.toString('base64') || '=',
    MessageAttributes: {
      [taskAttribute]: textValue(asciiJson({ id, stamp, attempts, cutOffs, firstTimeMs, dueMs })),
      ...(Object.keys(headers).length > 0 && { [headersAttribute]: textValue(asciiJson(headers)) }),
      ...(!isText && { [encodingAttribute]: textValue('base64') }),
    },
  };
}

/** Returns the bytes that count for the limit of SQS: the body, and name, type and value of each attribute. */
export function sizeOf({ MessageBody = '', MessageAttributes = {} }: SqsContent): number {
  return Object.entries(MessageAttributes).reduce(
    (sum, [name, { DataType = '', StringValue = '' }]) => sum + Buffer.byteLength(name + DataType + StringValue),
    Buffer.byteLength(MessageBody),
  );
}

/** Throws INVALID_ARGUMENT `TASK_REFUSED` for a message that is larger than its queue takes. */
export function checkSize(id: string, queue: string, content: SqsContent, maxBytes: number): void {
  const size = sizeOf(content);
  if (size > maxBytes)
    throw taskRefused({ id, problem: `its message has ${size} bytes, and queue ${queue} in SQS takes ${maxBytes}` });
}

/**
 * Reads a message of a mesh or of another program. A program's attributes are its headers, and the id is that of the message.
 * An invalid value in an attribute that the mesh uses makes the message unreadable. A first time in the future comes from a
 * wrong clock and is read as `nowMs`.
 */
export function readMessage(
  { MessageId = '', Body = '', MessageAttributes = {} }: Message,
  nowMs: number,
): SqsDelivered {
  const problems: string[] = [];
  const objectIn = (name: string): Readonly<Record<string, unknown>> => {
    const text = MessageAttributes[name]?.StringValue;
    if (text === undefined) return {};
    try {
      const parsed: unknown = JSON.parse(text);
      if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return { ...parsed };
      problems.push(`${name} is no JSON object`);
    } catch (error) {
      problems.push(`${name} is no JSON: ${messageOf(error)}`);
    }
    return {};
  };
  const travel = objectIn(taskAttribute);
  const valid = <T>(name: string, isValid: (value: unknown) => value is T, otherwise: T): T => {
    const value = travel[name];
    if (value === undefined) return otherwise;
    if (isValid(value)) return value;
    problems.push(`${name} in ${taskAttribute} is ${String(JSON.stringify(value)).slice(0, 60)}`);
    return otherwise;
  };
  const encoding = MessageAttributes[encodingAttribute]?.StringValue;
  if (encoding !== undefined && encoding !== 'base64')
    problems.push(`${encodingAttribute} is ${encoding.slice(0, 60)}`);
  const firstTimeMs = valid<number | undefined>('firstTimeMs', isTime, undefined);
  return {
    id: valid('id', isText, MessageId),
    payload: Buffer.from(Body, encoding === 'base64' ? 'base64' : 'utf8'),
    headers: { ...foreignHeaders(MessageAttributes), ...textsOf(objectIn(headersAttribute)) },
    stamp: valid('stamp', isStamp, MessageId),
    attempts: valid('attempts', isCount, 0),
    cutOffs: valid('cutOffs', isCount, 0),
    firstTimeMs: firstTimeMs === undefined ? undefined : Math.min(firstTimeMs, nowMs),
    dueMs: valid<number | undefined>('dueMs', isTime, undefined),
    problem: problems.length === 0 ? undefined : problems.join(', '),
  };
}

function foreignHeaders(attributes: Readonly<Record<string, MessageAttributeValue>>): Readonly<Record<string, string>> {
  const own = Object.entries(attributes).filter(([name]) => !ownAttributes.has(name));
  return Object.fromEntries(
    own.map(([name, { StringValue, BinaryValue }]) => [
      name,
      StringValue ?? Buffer.from(BinaryValue ?? []).toString('base64'),
    ]),
  );
}

function textsOf(values: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
}

/** JSON in ASCII: SQS refuses some characters, and others count for more. */
function asciiJson(value: object): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function textValue(text: string): MessageAttributeValue {
  return { DataType: 'String', StringValue: text };
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isStamp(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]+$/.test(value) && value.length <= maxStampLength;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= maxCount;
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= maxTimeMs;
}
