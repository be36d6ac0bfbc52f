import type { JsonObject } from '../../values/json.ts';
import { eventUnreadable } from '../errors.ts';
import type { RecordedEvent } from '../event-store.ts';

/** Converts an event's data from one schema version to the next. */
export type Upcaster = (data: JsonObject, event: RecordedEvent) => JsonObject;

/** How events of one type are stored. */
export interface EventType<Body> {
  /**
   * Convert schema version 1 to 2, 2 to 3, and so on up to the current one. Stored events never change, so upcasters are
   * never removed. Default: none, the first version is the current one.
   */
  readonly upcasters?: readonly Upcaster[];
  /** Returns the data in the current schema version. */
  encode(body: Body): JsonObject;
  decode(data: JsonObject): Body;
}

/** The event types of one kind of stream. */
export interface EventTypes<Body extends { readonly type: string }> {
  encode(body: Body): Pick<RecordedEvent, 'type' | 'schemaVersion' | 'data'>;
  /** Throws FAILED_PRECONDITION `EVENT_UNREADABLE` for an unknown type or schema version. */
  decode(event: RecordedEvent): Body;
}

type TypesOf<Body extends { readonly type: string }> = {
  readonly [Type in Body['type']]: EventType<Body & { readonly type: Type }>;
};

/** Defines how each type of event is stored. */
export function defineEventTypes<Body extends { readonly type: string }>(types: TypesOf<Body>): EventTypes<Body> {
  const byName = new Map(Object.entries(types as Readonly<Record<string, EventType<Body>>>));
  return {
    encode(body) {
      const type = byName.get(body.type);
      if (type === undefined) throw new Error(`event type ${body.type} not found`);
      return { type: body.type, schemaVersion: currentVersion(type), data: type.encode(body) };
    },
    decode(event) {
      const type = byName.get(event.type);
      if (type === undefined || event.schemaVersion < 1 || event.schemaVersion > currentVersion(type)) {
        const { stream, version, type, schemaVersion } = event;
        throw eventUnreadable({ stream, version, type, schemaVersion });
      }
      const data = (type.upcasters ?? [])
        .slice(event.schemaVersion - 1)
        .reduce((older, upcast) => upcast(older, event), event.data);
      return type.decode(data);
    },
  };
}

function currentVersion({ upcasters = [] }: Pick<EventType<never>, 'upcasters'>): number {
  return upcasters.length + 1;
}
