import type { EventLog, EventPosition, NewEvent } from '../../mesh/events/event-log.ts';
import { uuidv7 } from '../../mesh/ids/ids.ts';
import { currentScope } from '../../mesh/telemetry/call-scope.ts';
import type { Clock } from '../../mesh/telemetry/clock.ts';
import { notJson, reservedHeader } from './errors.ts';

/** An event that a caller hands in. */
export interface PublishedEvent {
  /** Becomes the event's id, so that consumers take a repeated call for one event; empty: a new one. */
  readonly requestId: string;
  readonly topic: string;
  readonly key: string;
  readonly type: string;
  readonly value: { readonly json: string } | { readonly payload: Uint8Array };
  readonly headers: Readonly<Record<string, string>>;
}

/** Appends a caller's event; it is durable when this resolves. */
export type PublishEvent = (event: PublishedEvent) => Promise<EventPosition>;

export function createPublishEvent(events: EventLog, clock: Clock): PublishEvent {
  return async (event) => {
    const [position] = await events.publish([toNewEvent(event, clock.now())]);
    if (!position) throw new Error('the event log answered without a position');
    return position;
  };
}

function toNewEvent(event: PublishedEvent, timeMs: number): NewEvent {
  const { topic, key, type } = event;
  const own = Object.keys(event.headers).find((name) => name.startsWith('ce_') || name === 'content-type');
  if (own !== undefined) throw reservedHeader(own);
  const scope = currentScope();
  return {
    topic,
    key,
    timeMs,
    value: 'json' in event.value ? encodeJson(event.value.json) : event.value.payload,
    headers: {
      ...(scope ? { traceparent: scope.traceparent, ce_correlationid: scope.requestId } : {}),
      ...event.headers,
      'content-type': 'json' in event.value ? 'application/json' : 'application/octet-stream',
      ce_specversion: '1.0',
      ce_id: event.requestId === '' ? uuidv7(timeMs) : event.requestId,
      ce_source: '//ordermesh/bridge',
      ce_type: type,
      ce_time: new Date(timeMs).toISOString(),
      ce_subject: key,
    },
  };
}

function encodeJson(json: string): Uint8Array {
  try {
    JSON.parse(json);
  } catch (error) {
    if (error instanceof SyntaxError) throw notJson();
    throw error;
  }
  return Buffer.from(json);
}
