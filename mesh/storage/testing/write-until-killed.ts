import { writeSync } from 'node:fs';
import { openSqlite } from '../sqlite/sqlite.ts';

// The program that sqlite.test.ts kills: it writes as fast as it can and prints what was acknowledged.
const storage = await openSqlite(process.argv[2] ?? '');
await storage.migrate('test', [{ name: '0001-init', sql: 'CREATE TABLE note (id BIGINT PRIMARY KEY, text TEXT)' }]);
let next = 0;

async function write(): Promise<never> {
  for (;;) {
    const id = next++;
    await storage.transaction((tx) => tx.execute('INSERT INTO note (id) VALUES ($1)', [id]));
    writeSync(1, `${id}\n`);
  }
}
await Promise.all(Array.from({ length: 8 }, write));
