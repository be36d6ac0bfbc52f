import type { Migration } from '../storage/storage.ts';

/** The tables of events, snapshots and projections, in the database of the service. */
export const eventStoreMigrations: readonly Migration[] = [
  {
    name: '0001-init',
    sql: `
      CREATE TABLE event (
        position {{identity}},
        stream TEXT NOT NULL,
        version BIGINT NOT NULL,
        type TEXT NOT NULL,
        schema_version BIGINT NOT NULL,
        data TEXT NOT NULL,
        correlation_id TEXT NOT NULL,
        time_ms BIGINT NOT NULL,
        checksum BIGINT NOT NULL,
        UNIQUE (stream, version)
      );
      CREATE TABLE event_snapshot (
        stream TEXT NOT NULL,
        version BIGINT NOT NULL,
        schema_version BIGINT NOT NULL,
        state TEXT NOT NULL,
        checksum BIGINT NOT NULL,
        PRIMARY KEY (stream, version)
      );
      CREATE TABLE projection_generation (
        name TEXT NOT NULL,
        generation BIGINT NOT NULL,
        -- live: answers queries; building: is being made; lockstep: is made and takes each event with the live one;
        -- dropped: its rows are to be deleted.
        state TEXT NOT NULL,
        position BIGINT NOT NULL,
        definition_version BIGINT NOT NULL,
        -- Until when whoever makes it has it to itself.
        until_ms BIGINT NOT NULL,
        PRIMARY KEY (name, generation)
      );
      CREATE UNIQUE INDEX projection_live ON projection_generation (name) WHERE state = 'live';
      CREATE TABLE parked_event (
        id TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        generation BIGINT NOT NULL,
        position BIGINT NOT NULL,
        stream TEXT NOT NULL,
        reason TEXT NOT NULL,
        error TEXT NOT NULL,
        attempts BIGINT NOT NULL,
        first_time_ms BIGINT NOT NULL,
        last_time_ms BIGINT NOT NULL,
        UNIQUE (name, generation, position)
      );
      CREATE INDEX parked_event_stream ON parked_event (name, generation, stream, position);
      -- What an operator has decided that a projection is to do without, in every generation.
      CREATE TABLE discarded_event (
        name TEXT NOT NULL,
        position BIGINT NOT NULL,
        note TEXT NOT NULL,
        time_ms BIGINT NOT NULL,
        PRIMARY KEY (name, position)
      );`,
  },
  {
    name: '0002-parked-by-id',
    sql: 'CREATE INDEX parked_event_by_id ON parked_event (name, id)',
  },
  {
    // What operators see of a discarded event. Those that were discarded before have none of it.
    name: '0003-discarded-dead-letter',
    sql: `
      ALTER TABLE discarded_event ADD COLUMN id TEXT;
      ALTER TABLE discarded_event ADD COLUMN stream TEXT;
      ALTER TABLE discarded_event ADD COLUMN reason TEXT;
      ALTER TABLE discarded_event ADD COLUMN error TEXT;
      ALTER TABLE discarded_event ADD COLUMN attempts BIGINT;
      ALTER TABLE discarded_event ADD COLUMN first_time_ms BIGINT;
      ALTER TABLE discarded_event ADD COLUMN last_time_ms BIGINT;
      ALTER TABLE discarded_event ADD COLUMN request_id TEXT;
      CREATE INDEX discarded_event_by_id ON discarded_event (name, id) WHERE id IS NOT NULL;`,
  },
  {
    // Who has made the change. It has a checksum of its own, because earlier versions check that of
    // the event without it.
    name: '0004-actor',
    sql: `
      ALTER TABLE event ADD COLUMN actor TEXT;
      ALTER TABLE event ADD COLUMN actor_checksum BIGINT;`,
  },
];
