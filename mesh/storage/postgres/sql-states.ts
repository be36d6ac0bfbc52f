import type { StorageFault } from '../faults.ts';

/**
 * The meaning of a SQLSTATE: a fault of the database, or
 * - `ended`: the server ended the connection; otherwise the same as unavailable;
 * - `lost-race`: another transaction came first, and this one may succeed when it runs again;
 * - `stale`: a prepared statement is missing or no longer fits the schema;
 * - `outcome-unknown`: the commit may or may not have happened;
 * - `statement`: the statement or its values are at fault, and so is the program.
 */
export type StateKind = StorageFault | 'ended' | 'lost-race' | 'stale' | 'outcome-unknown' | 'statement';

// https://www.postgresql.org/docs/current/errcodes-appendix.html: every class, by its first two characters.
const byClass: Readonly<Record<string, StateKind>> = {
  '00': 'statement', // Successful Completion
  '01': 'statement', // Warning
  '02': 'statement', // No Data
  '03': 'statement', // SQL Statement Not Yet Complete
  '08': 'unavailable', // Connection Exception
  '09': 'statement', // Triggered Action Exception
  '0A': 'statement', // Feature Not Supported
  '0B': 'statement', // Invalid Transaction Initiation
  '0F': 'statement', // Locator Exception
  '0L': 'denied', // Invalid Grantor
  '0P': 'denied', // Invalid Role Specification
  '0Z': 'statement', // Diagnostics Exception
  '20': 'statement', // Case Not Found
  '21': 'statement', // Cardinality Violation
  '22': 'statement', // Data Exception
  '23': 'statement', // Integrity Constraint Violation
  '24': 'statement', // Invalid Cursor State
  '25': 'statement', // Invalid Transaction State
  '26': 'stale', // Invalid SQL Statement Name
  '27': 'statement', // Triggered Data Change Violation
  '28': 'denied', // Invalid Authorization Specification
  '2B': 'statement', // Dependent Privilege Descriptors Still Exist
  '2D': 'statement', // Invalid Transaction Termination
  '2F': 'statement', // SQL Routine Exception
  '34': 'statement', // Invalid Cursor Name
  '38': 'statement', // External Routine Exception
  '39': 'statement', // External Routine Invocation Exception
  '3B': 'statement', // Savepoint Exception
  '3D': 'wrong-schema', // Invalid Catalog Name: the database is missing
  '3F': 'wrong-schema', // Invalid Schema Name
  '40': 'lost-race', // Transaction Rollback
  '42': 'statement', // Syntax Error or Access Rule Violation
  '44': 'statement', // WITH CHECK OPTION Violation
  '53': 'unavailable', // Insufficient Resources
  '54': 'too-large', // Program Limit Exceeded
  '55': 'statement', // Object Not In Prerequisite State
  '57': 'unavailable', // Operator Intervention
  '58': 'unavailable', // System Error
  '72': 'lost-race', // Snapshot Failure
  F0: 'unavailable', // Configuration File Error
  HV: 'statement', // Foreign Data Wrapper Error
  P0: 'statement', // PL/pgSQL Error
  XX: 'statement', // Internal Error
};

// States whose meaning differs from that of their class.
const byState: Readonly<Record<string, StateKind>> = {
  '08007': 'outcome-unknown', // transaction_resolution_unknown
  '25006': 'read-only', // read_only_sql_transaction: a standby, or a server that was made one
  '25P03': 'ended', // idle_in_transaction_session_timeout
  '25P04': 'ended', // transaction_timeout
  '40002': 'statement', // transaction_integrity_constraint_violation
  '40003': 'outcome-unknown', // statement_completion_unknown
  '42501': 'denied', // insufficient_privilege
  '42703': 'wrong-schema', // undefined_column
  '42704': 'wrong-schema', // undefined_object
  '42883': 'wrong-schema', // undefined_function
  '42P01': 'wrong-schema', // undefined_table
  '42P05': 'stale', // duplicate_prepared_statement: behind a pooler that gives a session to several connections
  '53100': 'full', // disk_full
  '55006': 'busy', // object_in_use
  '55P03': 'busy', // lock_not_available: lock_timeout
  '57014': 'busy', // query_canceled: statement_timeout, or an operator
  '57P01': 'ended', // admin_shutdown
  '57P02': 'ended', // crash_shutdown
  '57P03': 'ended', // cannot_connect_now
  '57P04': 'ended', // database_dropped
  '57P05': 'ended', // idle_session_timeout
  XX001: 'corrupt', // data_corrupted
  XX002: 'corrupt', // index_corrupted
};

/** The kind of a SQLSTATE. `routine` is the function of the server that raised it. An unknown state is a fault of the statement. */
export function kindOfState(state: string, routine?: string): StateKind {
  // 0A000 is any unsupported feature, but here it is "cached plan must not change result type".
  if (state === '0A000' && routine === 'RevalidateCachedQuery') return 'stale';
  return byState[state] ?? byClass[state.slice(0, 2)] ?? 'statement';
}
