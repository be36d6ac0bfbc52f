import { Status } from 'nice-grpc-common';
import pg from 'pg';
import { MeshError } from '../../errors/mesh-error.ts';
import { sqlForMessage } from '../sql.ts';

// https://www.postgresql.org/docs/current/errcodes-appendix.html
const diskFull = '53100';
const unavailable = /^(?:08...|53[023]00|58030|25006)$/;
// Ended by the server: by an operator, a shutdown, or because its transaction idled for too long.
const endedByServer = /^(?:57P0.|25P03)$/;
const lostRace = /^(?:40001|40P01)$/;
const staleStatement = /^(?:0A000|26000)$/;

/** Whether the transaction lost against another one and may win when it is run again. */
export function isLostRace(error: unknown): boolean {
  return lostRace.test(sqlState(error) ?? '');
}

/** Whether the connection must not be used again: it is lost, or what it prepared no longer fits the schema. */
export function isConnectionSpent(error: unknown): boolean {
  return isConnectionLost(error) || staleStatement.test(sqlState(error) ?? '');
}

/** What a failed statement becomes: a MeshError when the server cannot do it now, else an Error with the SQL. */
export function postgresError(error: unknown, sql: string, server: string): Error {
  if (isConnectionLost(error)) return unavailableError(error, server);
  const state = sqlState(error) ?? '';
  if (state === diskFull) {
    const message = `the database ${server} cannot grow: ${textOf(error)}; free space on its disk, it goes on by itself`;
    return new MeshError(Status.UNAVAILABLE, 'STORAGE_FULL', message, { cause: error });
  }
  if (unavailable.test(state)) return unavailableError(error, server);
  // Its detail can hold values of the row, so the engine's own error is not passed on.
  return new Error(`${textOf(error)} (${state}), in: ${sqlForMessage(sql)}`);
}

/** What a failed COMMIT becomes: UNAVAILABLE `STORAGE_OUTCOME_UNKNOWN` when nobody can say whether it is durable. */
export function commitError(error: unknown, server: string): Error {
  const state = sqlState(error) ?? '';
  if (!isConnectionLost(error) && !unavailable.test(state)) return postgresError(error, 'COMMIT', server);
  return new MeshError(
    Status.UNAVAILABLE,
    'STORAGE_OUTCOME_UNKNOWN',
    `the connection to ${server} was lost during a commit, which may have been done: ${textOf(error)}; repeat the call with the same request_id`,
    { cause: error },
  );
}

/** UNAVAILABLE `STORAGE_UNAVAILABLE`: the server cannot be reached or takes no work. */
export function unavailableError(error: unknown, server: string): MeshError {
  const message = `the database ${server} cannot be used: ${textOf(error)}; check that it runs and takes connections, and whether locks hold up those of this process`;
  return new MeshError(Status.UNAVAILABLE, 'STORAGE_UNAVAILABLE', message, { cause: error });
}

/** What is left after every attempt lost its race: UNAVAILABLE `STORAGE_CONTENTION`. */
export function contentionError(error: unknown, server: string, attempts: number): MeshError {
  const message = `a transaction on ${server} lost against others ${attempts} times: ${textOf(error)}; try again`;
  return new MeshError(Status.UNAVAILABLE, 'STORAGE_CONTENTION', message, { cause: error });
}

/** The five characters that the server gives with an error; `undefined` when the error is not the server's. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

/** pg has no class for these: whatever the server did not say is a fault of the way to it. */
function isConnectionLost(error: unknown): boolean {
  return !(error instanceof pg.DatabaseError) || endedByServer.test(error.code ?? '');
}

/** A refused connection to a name with several addresses is an AggregateError with an empty message. */
function textOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(textOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}
