/** A step that reads a whole table or sorts, on purpose. */
export interface AllowedStep {
  /** The file with the statement, or the folder of several. */
  readonly file: string;
  /** A part of the statement, in one line. */
  readonly sql: string;
  readonly reason: string;
}

export const allowedSteps: readonly AllowedStep[] = [
  { file: 'mesh/storage/', sql: 'schema_migration', reason: 'one row for each migration' },
  { file: 'mesh/storage/identity.ts', sql: 'FROM database_identity', reason: 'one row' },
  { file: 'mesh/storage/sqlite/search-damage.ts', sql: 'FROM sqlite_schema', reason: 'one row for each table' },
  { file: 'mesh/app/data/left-work.ts', sql: 'FROM sqlite_schema', reason: 'one row for each table' },
  { file: 'mesh/event-store/projections/live-views.ts', sql: 'FROM sqlite_master', reason: 'one row for each table' },
  { file: 'mesh/event-store/streams/settled-position.ts', sql: 'FROM event_position_seq', reason: 'one row' },
  {
    file: 'mesh/event-store/projections/rebuild/generation-rows.ts',
    sql: ' UNION ',
    reason: 'sorts two pages of limited size',
  },
  { file: 'mesh/events/embedded/file/', sql: 'FROM log_topic', reason: 'one row for each topic; at the start' },
  {
    file: 'mesh/events/embedded/file/',
    sql: 'FROM log_partition',
    reason: 'one row for each partition; at the start',
  },
  {
    file: 'mesh/events/embedded/file/',
    sql: 'FROM committed_offset',
    reason: 'one row for each group and partition; at the start',
  },
  { file: 'mesh/events/embedded/file/prepare-schema.ts', sql: 'FROM sqlite_schema', reason: 'one row for each table' },
  { file: 'mesh/events/embedded/file/record.ts', sql: 'record.payload LIMIT 0', reason: 'reads no row' },
  {
    file: 'mesh/events/embedded/file/topics.ts',
    sql: 'INSERT INTO log_partition',
    reason: 'checks a foreign key when a topic is created',
  },
  {
    file: 'mesh/events/embedded/retention/',
    sql: 'FROM retention_mark',
    reason: 'a few rows for each partition; at the start',
  },
  {
    file: 'mesh/tasks/embedded/task-table.ts',
    sql: 'WHERE lease IS NOT NULL',
    reason: 'reads an index of the tasks that were leased when the process ended',
  },
  {
    file: 'mesh/tasks/embedded/task-table.ts',
    sql: 'FROM sqlite_sequence',
    reason: 'one row for each table; at the start',
  },
  { file: 'mesh/tasks/embedded/task-counts.ts', sql: 'GROUP BY queue', reason: 'counts in an index; at the start' },
  {
    file: 'mesh/tasks/embedded/damaged-tasks.ts',
    sql: 'FROM damaged_task',
    reason: 'reads what is damaged, for an operator',
  },
  {
    file: 'mesh/saga/store/counts.ts',
    sql: 'WITH slice',
    reason: 'sorts a slice of limited size',
  },
  { file: 'mesh/dead-letters/dead-letter-table.ts', sql: 'WITH slice', reason: 'sorts a slice of limited size' },
  {
    file: 'mesh/saga/store/counts.ts',
    sql: 'SELECT due_time',
    reason: 'skips sagas that another version of the program drives, during an update',
  },
  {
    file: 'mesh/event-store/aggregates/snapshot-table.ts',
    sql: 'schema_version = $3',
    reason: 'skips snapshots of other versions of the program; few are kept',
  },
  {
    file: 'mesh/saga/store/counts.ts',
    sql: 'SELECT DISTINCT name',
    reason: 'reads unfinished sagas only; at the start',
  },
  { file: 'mesh/saga/store/counts.ts', sql: 'count(DISTINCT lease_owner)', reason: 'reads leased sagas only' },
  {
    file: 'mesh/saga/store/leases.ts',
    sql: 'ORDER BY create_time LIMIT',
    reason: 'reads an index of unfinished sagas, the oldest first, up to a limit',
  },
  {
    file: 'mesh/saga/store/leases.ts',
    sql: 'ORDER BY due_time LIMIT 1',
    reason: 'reads the first entries of an index of unfinished sagas',
  },
  {
    file: 'mesh/saga/store/purge.ts',
    sql: 'finished_aged_ms IS NULL',
    reason: 'reads the first entries of an index of what is left to do, once after an update',
  },
  { file: 'mesh/saga/store/saga-table.ts', sql: 'OR (subject_id', reason: 'sorts the sagas of one order' },
  {
    file: 'services/order/store.ts',
    sql: 'AND state = $2 ORDER BY id',
    reason: 'nearly all orders are completed: a list of them skips the others',
  },
  {
    file: 'services/order/store.ts',
    sql: 'AND state = $3 ORDER BY id',
    reason: "nearly all of a user's orders are completed: a list of them skips the others",
  },
  {
    file: 'services/payment/streams/adopt-history.ts',
    sql: 'ORDER BY',
    reason: 'reads the first rows of tables that it empties, once',
  },
  {
    file: 'services/shipping/carrier/embedded-carrier.ts',
    sql: "WHERE state = 'taken'",
    reason: 'lists all live shipments, for tests and checks',
  },
];

/** Statements that no plan says anything about: their texts are made of other texts. */
export const notExplained: readonly AllowedStep[] = [
  {
    file: 'mesh/event-store/projections/live-views.ts',
    sql: "WHERE name = '…'",
    reason: 'the definition of a view; the statements that read it are explained',
  },
  { file: 'mesh/event-store/projections/table-rows.ts', sql: 'UPDATE SET', reason: 'a part of an INSERT' },
  {
    file: 'mesh/saga/store/leases.ts',
    sql: 'SET due_time = $… WHERE lease_owner',
    reason: 'finds rows by their keys; runs after a third of a lease',
  },
  {
    file: 'services/inventory/store/item-store.ts',
    sql: 'AS held',
    reason: 'an audit of items that change all the time: reads an index of what is reserved now',
  },
  { file: 'mesh/storage/postgres/batch.ts', sql: 'SELECT', reason: 'a comparison in code' },
  { file: 'mesh/storage/aging/aging-start.ts', sql: 'MAX(', reason: 'once, in a database of an earlier version' },
  { file: 'mesh/events/embedded/file/open-log-file.ts', sql: 'pragma_integrity_check', reason: 'checks all' },
  { file: 'mesh/tasks/embedded/damaged-tasks.ts', sql: 'INSERT INTO damaged_task', reason: 'copies a row by its key' },
];
