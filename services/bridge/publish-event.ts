import {
  actorOfScope,
  type Clock,
  currentScope,
  type EventLog,
  type EventPosition,
  type FieldViolation,
  invalidRequest,
  type NewEvent,
  uuidv7,
} from '#mesh';
import { headersTooLarge, notJson, reservedHeader } from './errors.ts';

/** An event of a caller. */
export interface PublishResult {
  /** Becomes the event's id, so consumers treat a repeated call as one event. Empty: a new id. */
  readonly requestId: string;
  readonly topic: string;
  readonly key: string;
  readonly type: string;
  readonly value: { readonly json: string } | { readonly payload: Uint8Array };
  readonly headers: Readonly<Record<string, string>>;
}

/** Publishes an event. Resolves when it is durable. */
export async function publishEvent(
  event: PublishResult,
  { events, clock }: { readonly events: EventLog; readonly clock: Clock },
): Promise<EventPosition> {
  const [position] = await events.publish([toNewEvent(event, clock.now())]);
  if (!position) throw new Error('the event log returned no position');
  return position;
}

/** Maximum bytes of a caller's headers, names and values together. */
const maxHeaderBytes = 16 * 1024;

function toNewEvent(event: PublishResult, timeMs: number): NewEvent {
  const violations = findViolations(event);
  if (violations.length > 0) throw invalidRequest(violations);
  const { topic, key, type, value } = event;
  const isJson = 'json' in value;
  const scope = currentScope();
  const actor = actorOfScope(scope);
  return {
    topic,
    key,
    timeMs,
    value: isJson ? Buffer.from(value.json) : value.payload,
    headers: {
      ...(scope ? { traceparent: scope.traceparent, ce_correlationid: scope.requestId } : {}),
      ...(actor !== undefined && { ce_actor: actor }),
      ...event.headers,
      'content-type': isJson ? 'application/json' : 'application/octet-stream',
      ce_specversion: '1.0',
      // The id of an event is compared as text, and a UUID means the same in either case.
      ce_id: event.requestId === '' ? uuidv7(timeMs) : event.requestId.toLowerCase(),
      ce_source: '//ordermesh/bridge',
      ce_type: type,
      ce_time: new Date(timeMs).toISOString(),
      ce_subject: key,
    },
  };
}

function findViolations({ headers, value }: PublishResult): FieldViolation[] {
  const bytes = Object.entries(headers)
    .flat()
    .reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  return [
    ...Object.keys(headers).filter(isReserved).map(reservedHeader),
    ...(bytes > maxHeaderBytes ? [headersTooLarge(bytes, maxHeaderBytes)] : []),
    ...('json' in value && !isJsonText(value.json) ? [notJson()] : []),
  ];
}

/** In any case, because many readers do not distinguish `Content-Type` and `content-type`. */
function isReserved(name: string): boolean {
  return /^(ce_|content-type$)/i.test(name);
}

function isJsonText(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
