import { createHash } from 'node:crypto';
import type { ConsumeMessage, Options } from 'amqplib';
import { uuidv7 } from '../../../ids/ids.ts';
import { taskRefused } from '../../errors.ts';
import type { NewTask } from '../../task-queue.ts';
import { countOf, headersOf, stampTextOf, textOf } from './header-values.ts';

/** What travels with a task beside what its sender gave. */
export interface Travel {
  /** Names this sending of the task: the same however often it is sent again or delivered. */
  readonly stamp: string;
  /** Attempts that have begun and ended. */
  readonly attempts: number;
  /** Attempts that have begun and of whose end nothing is known. */
  readonly cutOffs: number;
  /** When the first attempt began; `undefined` before. */
  readonly firstTimeMs: number | undefined;
}

/** A task as it was delivered. All of its fields are valid, whatever the message says. */
export interface DeliveredTask extends NewTask, Travel {
  /** Why it must not be worked on: what of the message is not valid. `undefined` for a message in order. */
  readonly problem: string | undefined;
}

const stampHeader = 'x-mesh-stamp';
const attemptsHeader = 'x-mesh-attempts';
const cutOffsHeader = 'x-mesh-cut-offs';
const firstTimeHeader = 'x-mesh-first-time-ms';
const ownHeaders: ReadonlySet<string> = new Set([stampHeader, attemptsHeader, cutOffsHeader, firstTimeHeader]);

const maxShortTextBytes = 255;
const maxHeaderBytes = 60 * 1024;
const maxAttempts = 1_000_000;
// The last moment that a Date can show.
const maxTimeMs = 8.64e15;

/** What a task that is sent for the first time travels with. */
export function newTravel(): Travel {
  return { stamp: uuidv7(), attempts: 0, cutOffs: 0, firstTimeMs: undefined };
}

/** The properties of a task's message, which survives a restart of the broker. */
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

/** The stamp of a message that a mesh sent; empty for another's. */
export function stampOf({ headers }: Options.Publish): string {
  return textOf(headers?.[stampHeader]);
}

/**
 * Reads a message of ours or of another publisher, who need not have given it an id. Anyone may publish: a header that the
 * mesh goes by and that is not valid makes the message one that cannot be understood. A first time in the future comes from
 * a clock that was wrong and counts as `nowMs`.
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

/**
 * Names what is the same work, however often it is delivered. Not the stamp alone: programs that pass on the headers of a
 * message that they got give it to other messages, too.
 */
export function identityOf({ stamp, id, payload }: NewTask & Travel): string {
  return createHash('sha256')
    .update(JSON.stringify([stamp, id]))
    .update(payload)
    .digest('base64url');
}

/** Refuses, with INVALID_ARGUMENT `TASK_REFUSED`, what a message cannot carry. */
export function checkSendable(queue: string, { id, headers }: NewTask): void {
  const names = Object.keys(headers);
  const tooLong = [queue, id, headers['content-type'] ?? '', ...names].find((text) => shortTextOf(text) === undefined);
  if (tooLong !== undefined) {
    throw taskRefused({ id, problem: `"${tooLong.slice(0, 40)}…" is longer than ${maxShortTextBytes} bytes` });
  }
  const headerBytes = names.reduce((sum, name) => sum + Buffer.byteLength(name + headers[name]), 0);
  if (headerBytes > maxHeaderBytes)
    throw taskRefused({ id, problem: `its headers have ${headerBytes} bytes of ${maxHeaderBytes}` });
}

function shortTextOf(value: unknown): string | undefined {
  return typeof value === 'string' && Buffer.byteLength(value) <= maxShortTextBytes ? value : undefined;
}
