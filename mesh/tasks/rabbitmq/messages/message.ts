import type { ConsumeMessage, Options } from 'amqplib';
import { uuidv7 } from '../../../ids/ids.ts';
import type { DeliveredTask, Travel } from '../../brokered/delivered-task.ts';
import { taskRefused } from '../../errors.ts';
import type { NewTask } from '../../task-queue.ts';
import { countOf, headersOf, stampTextOf, textOf } from './header-values.ts';

const stampHeader = 'x-mesh-stamp';
const attemptsHeader = 'x-mesh-attempts';
const cutOffsHeader = 'x-mesh-cut-offs';
const firstTimeHeader = 'x-mesh-first-time-ms';
const ownHeaders: ReadonlySet<string> = new Set([stampHeader, attemptsHeader, cutOffsHeader, firstTimeHeader]);

const maxShortTextBytes = 255;
const maxHeaderBytes = 60 * 1024;
/** The lengths and the type of a header in AMQP's table. */
const bytesPerHeader = 6;
const maxAttempts = 1_000_000;
// The latest time of a Date.
const maxTimeMs = 8.64e15;

/** Returns the properties of a task's message, which survives a restart of the broker. */
export function toProperties(task: NewTask, travel: Travel): Options.Publish {
  const { 'content-type': contentType } = task.headers;
  return {
    persistent: true,
    messageId: task.id,
    ...(contentType === undefined ? {} : { contentType }),
    headers: {
      ...task.headers,
      [stampHeader]: travel.stamp,
      [attemptsHeader]: travel.attempts,
      ...(travel.cutOffs === 0 ? {} : { [cutOffsHeader]: travel.cutOffs }),
      ...(travel.firstTimeMs === undefined ? {} : { [firstTimeHeader]: String(travel.firstTimeMs) }),
    },
  };
}

/** Returns the stamp of a message that a mesh sent; empty for other programs. */
export function stampOf({ headers }: Options.Publish): string {
  return textOf(headers?.[stampHeader]);
}

/**
 * Reads a message of a mesh or of another program, which may have set no id. An invalid value in a header that the mesh
 * uses makes the message unreadable. A first time in the future comes from a wrong clock and is read as `nowMs`.
 */
export function readMessage({ content, properties }: ConsumeMessage, nowMs: number): DeliveredTask {
  const raw: Readonly<Record<string, unknown>> = properties.headers ?? {};
  const problems: string[] = [];
  const valid = <T>(name: string, value: unknown, read: (value: unknown) => T | undefined, otherwise: T): T => {
    if (value === undefined || value === null) return otherwise;
    const found = read(value);
    if (found === undefined) problems.push(`${name} is ${textOf(value).slice(0, 60) || 'empty'}`);
    return found ?? otherwise;
  };
  const stamp = valid(stampHeader, raw[stampHeader], stampTextOf, uuidv7());
  const attempts = valid(attemptsHeader, raw[attemptsHeader], (value) => countOf(value, maxAttempts), 0);
  const cutOffs = valid(cutOffsHeader, raw[cutOffsHeader], (value) => countOf(value, maxAttempts), 0);
  const first = valid(firstTimeHeader, raw[firstTimeHeader], (value) => countOf(value, maxTimeMs), undefined);
  const id = valid('its message id', textOf(properties.messageId) || stamp, shortTextOf, stamp);
  return {
    id,
    payload: content,
    headers: headersOf(raw, { contentType: properties.contentType, except: ownHeaders }),
    stamp,
    attempts,
    cutOffs,
    firstTimeMs: first === undefined ? undefined : Math.min(first, nowMs),
    problem: problems.length === 0 ? undefined : problems.join(', '),
  };
}

/** Throws INVALID_ARGUMENT `TASK_REFUSED` for what a message cannot carry. */
export function checkSendable(queue: string, { id, headers }: NewTask): void {
  const names = Object.keys(headers);
  const tooLong = [queue, id, headers['content-type'] ?? '', ...names].find((text) => shortTextOf(text) === undefined);
  if (tooLong !== undefined) {
    throw taskRefused({ id, problem: `"${tooLong.slice(0, 40)}…" is longer than ${maxShortTextBytes} bytes` });
  }
  const bytesOf = (name: string) => Buffer.byteLength(name + headers[name]) + bytesPerHeader;
  const headerBytes = names.reduce((sum, name) => sum + bytesOf(name), 0);
  if (headerBytes > maxHeaderBytes)
    throw taskRefused({ id, problem: `its headers have ${headerBytes} bytes of ${maxHeaderBytes}` });
}

function shortTextOf(value: unknown): string | undefined {
  return typeof value === 'string' && Buffer.byteLength(value) <= maxShortTextBytes ? value : undefined;
}
