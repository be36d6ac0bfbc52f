import type { JsonObject } from '../../values/json.ts';
import { eventUnreadable } from '../errors.ts';
import type { RecordedEvent } from '../event-store.ts';

/** Makes the next schema version of an event's data from the one before. */
export type Upcaster = (data: JsonObject, event: RecordedEvent) => JsonObject;

/** How events of one type are written, and how those are read that were written before. */
export interface EventType<Body> {
  /**
   * Makes schema version 2 of version 1, 3 of 2, and so on: as many as there were versions before the current one. What an
   * event says never changes once it is written, so these stay for ever.
   */
  readonly upcasters: readonly Upcaster[];
  /** The data in the current schema version. */
  encode(body: Body): JsonObject;
  decode(data: JsonObject): Body;
}

/** The events of one kind of stream: `Body` tells them apart by its `type`. */
export interface EventTypes<Body extends { readonly type: string }> {
  encode(body: Body): Pick<RecordedEvent, 'type' | 'schemaVersion' | 'data'>;
  /** FAILED_PRECONDITION `EVENT_UNREADABLE` for a type or a schema version that is not known here. */
  decode(event: RecordedEvent): Body;
}

type TypesOf<Body extends { readonly type: string }> = {
  readonly [Type in Body['type']]: EventType<Body & { readonly type: Type }>;
};

/** Binds the types of events to how they are written and read. */
export function defineEventTypes<Body extends { readonly type: string }>(types: TypesOf<Body>): EventTypes<Body> {
  const byName = new Map(Object.entries(types as Readonly<Record<string, EventType<Body>>>));
  return {
    encode(body) {
      const type = byName.get(body.type);
      if (type === undefined) throw new Error(`there is no event type ${body.type}`);
      return { type: body.type, schemaVersion: type.upcasters.length + 1, data: type.encode(body) };
    },
    decode(event) {
      const type = byName.get(event.type);
      const current = (type?.upcasters.length ?? 0) + 1;
      if (type === undefined || event.schemaVersion < 1 || event.schemaVersion > current) {
        const { stream, version, type, schemaVersion } = event;
        throw eventUnreadable({ stream, version, type, schemaVersion });
      }
      const data = type.upcasters
        .slice(event.schemaVersion - 1)
        .reduce((older, upcast) => upcast(older, event), event.data);
      return type.decode(data);
    },
  };
}
