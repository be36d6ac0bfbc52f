import type { Queryable, Row, SqlValue } from '../../storage/storage.ts';
import type { EventTypes } from '../aggregates/event-types.ts';
import type { RecordedEvent } from '../event-store.ts';
import { liveViewOf } from './live-views.ts';
import type { Projection, ProjectionTable } from './projection.ts';
import { readRows, writeRows } from './table-rows.ts';

/** An event of an aggregate. */
export interface AggregateEvent<Body> {
  /** The aggregate's id. */
  readonly id: string;
  readonly body: Body;
  readonly event: RecordedEvent;
}

interface ItemCodec<Item, R> {
  /** The columns that, after `generation`, are the primary key of the table; of type TEXT. */
  readonly key: readonly (keyof R & string)[];
  /** The other columns. */
  readonly values: readonly (keyof R & string)[];
  encode(item: Item): R;
  decode(row: R): Item;
}

interface TableProjectionBase<Item, Body extends { readonly type: string }, Change, R>
  extends Pick<Projection, 'name' | 'version' | 'maxLagMs'>,
    ItemCodec<Item, R> {
  /** The streams whose events are projected: the definition of an aggregate, for example. */
  readonly of: { readonly category: string; readonly events: EventTypes<Body> };
  readonly table: string;
  /** Returns the key of the row that a change belongs to. */
  keyOf(change: Change): readonly string[];
  /** Returns the row after a change; `item` is `undefined` if it does not exist. A pure function. */
  evolve(item: Item | undefined, change: Change): Item;
}

/** A projection in which each event changes one row. */
export type TableProjectionOptions<Item, Body extends { readonly type: string }, R extends Row> = TableProjectionBase<
  Item,
  Body,
  AggregateEvent<Body>,
  R
>;

/** A projection in which an event changes any number of rows. */
export interface MultiRowProjectionOptions<Item, Body extends { readonly type: string }, Change, R extends Row>
  extends TableProjectionBase<Item, Body, Change, R> {
  /** Returns what an event changes, each entry one row. */
  changesOf(event: AggregateEvent<Body>): readonly Change[];
}

/** A projection whose table holds one item per row. */
export interface TableProjection<Item> extends Projection {
  /** Reads items of the live generation. `rest` is SQL: `WHERE user_id = $1 ORDER BY order_id LIMIT $2`. */
  select(db: Queryable, rest: string, params?: readonly SqlValue[]): Promise<Item[]>;
  /** Reads items as `select` does, with the position of the live generation at that moment: 0 if there are no items. */
  selectAt(
    db: Queryable,
    rest: string,
    params?: readonly SqlValue[],
  ): Promise<{ readonly items: Item[]; readonly position: bigint }>;
}

/**
 * Defines a projection that folds events into the rows of a table: it reads the rows that a batch of events changes,
 * evolves them event by event, and writes the columns that have changed.
 */
export function tableProjection<Item, Body extends { readonly type: string }, Change, R extends Row>(
  options: MultiRowProjectionOptions<Item, Body, Change, R>,
): TableProjection<Item>;
export function tableProjection<Item, Body extends { readonly type: string }, R extends Row>(
  options: TableProjectionOptions<Item, Body, R>,
): TableProjection<Item>;
export function tableProjection<Item, Body extends { readonly type: string }, R extends Row>({
  name,
  version,
  maxLagMs,
  ...options
}: TableProjectionOptions<Item, Body, R> & {
  changesOf?(event: AggregateEvent<Body>): readonly AggregateEvent<Body>[];
}): TableProjection<Item> {
  const { key, values, keyOf, evolve, encode, decode, changesOf = (event) => [event] } = options;
  const { category, events: types } = options.of;
  const prefix = `${category}-`;
  const table: ProjectionTable = { table: options.table, key, values };
  const columns = [...key, ...values];
  const view = liveViewOf(options.table);
  const select = `SELECT ${columns.join(', ')} FROM ${view}`;
  // In one statement, which sees rows and position of the same moment.
  const livePosition = `(SELECT position FROM projection_generation WHERE name = '${name}' AND state = 'live')`;
  const selectAt = `SELECT ${columns.join(', ')}, ${livePosition} AS live_position FROM ${view}`;
  const nameOf = (parts: readonly SqlValue[]): string => JSON.stringify(parts);
  const nameOfRow = (row: R): string => nameOf(key.map((column) => row[column] as SqlValue));

  return {
    name,
    version,
    ...(maxLagMs !== undefined && { maxLagMs }),
    tables: [table],
    async apply(tx, generation, events) {
      const changes = events
        .filter(({ stream }) => stream.startsWith(prefix))
        .flatMap((event) => changesOf({ id: event.stream.slice(prefix.length), body: types.decode(event), event }))
        .map((change) => ({ change, keyValues: keyOf(change) }));
      const keys = new Map(changes.map(({ keyValues }) => [nameOf(keyValues), keyValues]));
      const found = await readRows<R>(tx, table, generation, [...keys.values()]);
      const rows = new Map(found.map((row) => [nameOfRow(row), row]));
      const items = new Map([...rows].map(([rowName, row]) => [rowName, decode(row)]));
      const changed = new Map<string, Item>();
      for (const { change, keyValues } of changes) {
        const rowName = nameOf(keyValues);
        const before = items.get(rowName);
        const after = evolve(before, change);
        items.set(rowName, after);
        if (after !== before) changed.set(rowName, after);
      }
      const written = [...changed].map(([rowName, item]) => {
        const [before, after] = [rows.get(rowName), encode(item)];
        return { after, differing: before ? values.filter((column) => after[column] !== before[column]) : values };
      });
      for (const alike of Map.groupBy(written, ({ differing }) => differing.join()).values()) {
        const encoded = alike.map(({ after }) => columns.map((column) => after[column] as SqlValue));
        await writeRows(tx, table, generation, encoded, alike[0]?.differing);
      }
    },
    async select(db, rest, params = []) {
      return (await db.query<R>(`${select} ${rest}`, params)).map(decode);
    },
    async selectAt(db, rest, params = []) {
      const rows = await db.query<R & { live_position: bigint }>(`${selectAt} ${rest}`, params);
      return { items: rows.map(decode), position: rows[0]?.live_position ?? 0n };
    },
  };
}
