import { uuidv7 } from '../ids/ids.ts';
import type { Migration, Row, Storage } from '../storage/storage.ts';
import type { Clock } from '../time/clock.ts';
import type { OperatorAction, OperatorActions } from './operator-actions.ts';

const migrations: readonly Migration[] = [
  {
    name: '0001-init',
    sql: `CREATE TABLE operator_action (
  id TEXT NOT NULL PRIMARY KEY,
  create_time BIGINT NOT NULL,
  subject TEXT NOT NULL,
  roles TEXT NOT NULL,
  method TEXT NOT NULL,
  request TEXT NOT NULL,
  reason TEXT NOT NULL,
  request_id TEXT NOT NULL,
  outcome TEXT NOT NULL
);
`,
  },
];

interface ActionRow extends Row {
  readonly id: string;
  readonly create_time: bigint;
  readonly subject: string;
  readonly roles: string;
  readonly method: string;
  readonly request: string;
  readonly reason: string;
  readonly request_id: string;
  readonly outcome: string;
}

/**
 * Keeps the actions in the service's own database. Its table is created on first use: most databases
 * never have an action.
 */
export function createOperatorActions(storage: Storage, clock: Clock): OperatorActions {
  let migrated: Promise<unknown> | undefined;
  const ready = async () => {
    migrated ??= storage.migrate('operator-actions', migrations);
    try {
      await migrated;
    } catch (error) {
      migrated = undefined;
      throw error;
    }
  };
  return {
    async begin({ subject, roles, method, request, reason, requestId }) {
      await ready();
      const timeMs = clock.now();
      const id = uuidv7(timeMs);
      await storage.execute(
        `INSERT INTO operator_action (id, create_time, subject, roles, method, request, reason, request_id, outcome)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '')`,
        [id, timeMs, subject, JSON.stringify(roles), method, request, reason, requestId],
      );
      return id;
    },
    async end(id, outcome) {
      await storage.execute('UPDATE operator_action SET outcome = $2 WHERE id = $1', [id, outcome]);
    },
    async page(afterId, size) {
      await ready();
      const sql = 'SELECT * FROM operator_action WHERE id > $1 ORDER BY id LIMIT $2';
      return (await storage.query<ActionRow>(sql, [afterId, size])).map(actionOf);
    },
  };
}

function actionOf(row: ActionRow): OperatorAction {
  return {
    id: row.id,
    timeMs: Number(row.create_time),
    subject: row.subject,
    roles: JSON.parse(row.roles) as string[],
    method: row.method,
    request: row.request,
    reason: row.reason,
    requestId: row.request_id,
    outcome: row.outcome,
  };
}
