import type { Queryable } from '../../storage/storage.ts';
import { recordFromJson, type SagaState } from '../decide/record.ts';
import type { SagaRow, StoredSaga } from './saga-table.ts';

/** What is compared of an unfinished saga with its definition. */
export type UnfinishedSaga = Pick<StoredSaga, 'id' | 'name' | 'definitionVersion' | 'record'>;

/** Returns the first sagas in `state`, which is not `completed`, after `afterId`. */
export async function selectUnfinished(
  db: Queryable,
  state: SagaState,
  afterId: string,
  limit: number,
): Promise<UnfinishedSaga[]> {
  const rows = await db.query<Pick<SagaRow, 'id' | 'name' | 'definition_version' | 'record'>>(
    `SELECT id, name, definition_version, record FROM saga
     WHERE state = $1 AND state <> 'completed' AND id > $2 ORDER BY id LIMIT $3`,
    [state, afterId, limit],
  );
  return rows.map(({ id, name, definition_version, record }) => ({
    id,
    name,
    definitionVersion: Number(definition_version),
    record: recordFromJson(record),
  }));
}
