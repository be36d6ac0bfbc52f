import type { ConsumeMessage, Options } from 'amqplib';
import { Status } from 'nice-grpc-common';
import { MeshError } from '../../errors/mesh-error.ts';
import { uuidv7 } from '../../ids/ids.ts';
import type { NewTask } from '../task-queue.ts';

/** What travels with a task beside what its sender gave. */
export interface Travel {
  /** Names this sending of the task: the same however often it is sent again or delivered. */
  readonly stamp: string;
  /** Tries that have begun and ended. */
  readonly attempts: number;
  /** When the first try began; `undefined` before. */
  readonly firstTimeMs: number | undefined;
}

/** A task as it was delivered. */
export interface DeliveredTask extends NewTask, Travel {}

const stampHeader = 'x-mesh-stamp';
const attemptsHeader = 'x-mesh-attempts';
const firstTimeHeader = 'x-mesh-first-time-ms';
const ownHeaders: ReadonlySet<string> = new Set([stampHeader, attemptsHeader, firstTimeHeader]);

/** What RabbitMQ notes on a message on its way; none of it is the sender's. */
const brokerHeaders = /^x-((first-|last-)?death|delivery-count)/;

const maxShortTextBytes = 255;
const maxHeaderBytes = 64 * 1024;

/** What a task that is sent for the first time travels with. */
export function newTravel(): Travel {
  return { stamp: uuidv7(), attempts: 0, firstTimeMs: undefined };
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
      ...(travel.firstTimeMs === undefined ? {} : { [firstTimeHeader]: String(travel.firstTimeMs) }),
    },
  };
}

/** The stamp of a message that a mesh sent; empty for another's. */
export function stampOf({ headers }: Options.Publish): string {
  return textOf(headers?.[stampHeader]);
}

/** Reads a message of ours or of another publisher, who need not have given it an id. */
export function readMessage({ content, properties }: ConsumeMessage): DeliveredTask {
  const raw: Readonly<Record<string, unknown>> = properties.headers ?? {};
  const stamp = textOf(raw[stampHeader]) || uuidv7();
  const firstTime = raw[firstTimeHeader];
  return {
    id: textOf(properties.messageId) || stamp,
    payload: content,
    headers: taskHeaders(raw, properties.contentType),
    stamp,
    attempts: Number(raw[attemptsHeader] ?? 0),
    firstTimeMs: firstTime === undefined ? undefined : Number(firstTime),
  };
}

/** Refuses, with INVALID_ARGUMENT `TASK_REFUSED`, what a message cannot carry. */
export function checkSendable(queue: string, { id, headers }: NewTask): void {
  const names = Object.keys(headers);
  const tooLong = [queue, id, headers['content-type'] ?? '', ...names].find(
    (text) => Buffer.byteLength(text) > maxShortTextBytes,
  );
  if (tooLong !== undefined) {
    throw refused(id, `"${tooLong.slice(0, 40)}…" is longer than ${maxShortTextBytes} bytes`);
  }
  const headerBytes = names.reduce((sum, name) => sum + Buffer.byteLength(name + headers[name]), 0);
  if (headerBytes > maxHeaderBytes) throw refused(id, `its headers have ${headerBytes} bytes of ${maxHeaderBytes}`);
}

function refused(id: string, problem: string): MeshError {
  return new MeshError(
    Status.INVALID_ARGUMENT,
    'TASK_REFUSED',
    `task ${id.slice(0, 60)} cannot be queued: ${problem}; send it with less`,
  );
}

function taskHeaders(raw: Readonly<Record<string, unknown>>, contentType: unknown): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  if (typeof contentType === 'string') headers['content-type'] = contentType;
  for (const [name, value] of Object.entries(raw)) {
    if (!ownHeaders.has(name) && !brokerHeaders.test(name)) headers[name] = textOf(value);
  }
  return headers;
}

/** Other publishers may send numbers, tables, ... as headers. */
function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
