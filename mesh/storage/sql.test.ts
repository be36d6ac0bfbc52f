import { constants, DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { parseSql, sqlForMessage } from './sql.ts';

describe('parseSql', () => {
  it('numbers parameters as SQLite does and counts up to the highest', () => {
    const { numbered, parameterCount } = parseSql('SELECT $2, $1, $2, $11');
    expect(numbered).toBe('SELECT ?2, ?1, ?2, ?11');
    expect(parameterCount).toBe(11);
  });

  // SQLite asks the authorizer about each object of a statement when it compiles it.
  it('has SQLite compile a statement with a LIMIT once', () => {
    using database = new DatabaseSync(':memory:');
    database.exec('CREATE TABLE a (id INTEGER PRIMARY KEY)');
    const statement = database.prepare(parseSql('SELECT id FROM a ORDER BY id LIMIT $1').numbered);
    let questions = 0;
    database.setAuthorizer(() => {
      questions += 1;
      return constants.SQLITE_OK;
    });
    statement.all(1n);
    questions = 0;
    for (const limit of [2n, 3n]) statement.all(limit);
    expect(questions).toBe(0);
  });

  it.each(["'it''s $1'", '"a ""$1"" b"', '-- $1\n', '/* $1\n $2 */'])('ignores what is not a parameter: %s', (text) => {
    expect(parseSql(`SELECT 1 ${text}`)).toMatchObject({ numbered: `SELECT 1 ${text}`, parameterCount: 0 });
  });

  it.each(['SELECT 1', '  values (1)', '-- why\n/* and how */ select 1'])(
    'recognises a statement that only reads: %j',
    (sql) => {
      expect(parseSql(sql)).toMatchObject({ readsOnly: true, changesRows: false });
    },
  );

  it.each(['INSERT INTO a VALUES (1)', 'update a set b = 1', 'DELETE FROM a', 'WITH b AS (SELECT 1) DELETE FROM a'])(
    'sees that it changes rows: %j',
    (sql) => {
      expect(parseSql(sql)).toMatchObject({ readsOnly: false, changesRows: true });
    },
  );
});

describe('sqlForMessage', () => {
  it('is one line of at most 501 characters', () => {
    expect(sqlForMessage(' SELECT a,\n    b ')).toBe('SELECT a, b');
    expect(sqlForMessage('x'.repeat(1000))).toHaveLength(501);
  });
});
